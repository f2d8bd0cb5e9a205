-- _check_same_schemas: refuse a flow with digests that stand for other schemas than those it brings.
-- Schemas are the same if their programs are: titles and descriptions may change.
-- Called by: _put_flow, when all schemas are stored.
-- Locks:     none.
-- Raises:    PF304.
-- Returns:   nothing.
create or replace function pgflow._check_same_schemas(p_flow jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_what text;
begin
  select d.what into v_what
  from (
    select 'the payload' as what, v.payload_schema_id as stored_id, p_flow -> 'payload_schema' as given
    from pgflow.flow_versions as v
    where v.flow_slug = v_slug
      and v.digest = p_flow ->> 'digest'
    union all
    select format('the result of step %L', c.step_slug), c.result_schema_id, pgflow._task_schema(s.value)
    from jsonb_array_elements(p_flow -> 'steps') as s
    join pgflow.contracts as c
      on c.flow_slug = v_slug
      and c.step_slug = s.value ->> 'slug'
      and c.digest = s.value ->> 'digest'
  ) as d
  join pgflow.schemas as stored on stored.schema_id = d.stored_id
  join pgflow.schemas as given on given.schema_id = pgflow._schema_id(d.given)
  where stored.program <> given.program
  limit 1;
  if found then
    raise exception using
      errcode = 'PF304',
      message = format('flow %L: %s was deployed with the same digest and another schema', v_slug, v_what),
      detail = jsonb_build_object('flow_slug', v_slug, 'what', v_what)::text,
      hint = 'write the manifest anew with `pgflow compile`, so that its digests are right';
  end if;
end;
$$;
