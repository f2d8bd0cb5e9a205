-- _put_schemas: check, compile and store every schema that a flow names.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF211 a schema is refused.
-- Returns:   nothing; _schema_id tells where each of them is.
create or replace function pgflow._put_schemas(p_flow jsonb, p_at text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
begin
  perform pgflow._put_schema(
    p_flow -> 'payload_schema',
    p_at || '/payload_schema',
    format('the payload schema of flow %L', v_slug)
  );
  perform pgflow._put_schema(
    s.value -> 'result_schema',
    format('%s/steps/%s/result_schema', p_at, s.ordinality - 1),
    format('the result schema of step %L of flow %L', s.value ->> 'slug', v_slug)
  )
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s;
  -- After the whole, in which errors have their right pointers.
  perform pgflow._put_schema(
    pgflow._task_schema(s.value),
    format('%s/steps/%s/result_schema/items', p_at, s.ordinality - 1),
    format('the schema of one task of map step %L of flow %L', s.value ->> 'slug', v_slug)
  )
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where coalesce(s.value -> 'over', 'null') <> 'null';
end;
$$;
