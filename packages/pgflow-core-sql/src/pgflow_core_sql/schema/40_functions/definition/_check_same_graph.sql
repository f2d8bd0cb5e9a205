-- _check_same_graph: refuse a flow whose digest stands for another graph than the one it brings.
-- Called by: _put_flow.
-- Locks:     none.
-- Raises:    PF304.
-- Returns:   nothing.
create or replace function pgflow._check_same_graph(p_flow jsonb, p_version integer) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_stored jsonb;
  v_given jsonb;
begin
  select
    jsonb_object_agg(
      s.step_slug,
      jsonb_build_object(
        'digest', c.digest,
        'when', s.condition,
        'when_unmet', s.when_unmet,
        'on_failure', s.on_failure,
        'deps', coalesce((
          select jsonb_agg(d.from_step_slug order by d.from_step_slug collate "C")
          from pgflow.deps as d
          where d.flow_slug = s.flow_slug and d.version = s.version and d.to_step_slug = s.step_slug
        ), '[]')
      )
    )
  into v_stored
  from pgflow.steps as s
  join pgflow.contracts as c on c.contract_id = s.contract_id
  where s.flow_slug = v_slug and s.version = p_version;

  select
    jsonb_object_agg(
      s.value ->> 'slug',
      jsonb_build_object(
        'digest', s.value -> 'digest',
        'when', s.value -> 'when',
        'when_unmet', coalesce(s.value -> 'when_unmet', '"skip"'),
        'on_failure', coalesce(s.value -> 'on_failure', '"fail"'),
        'deps', coalesce((
          select jsonb_agg(distinct d.value collate "C")
          from jsonb_array_elements_text(s.value -> 'deps') as d
        ), '[]')
      )
    )
  into v_given
  from jsonb_array_elements(p_flow -> 'steps') as s;

  if v_stored <> v_given then
    raise exception using
      errcode = 'PF304',
      message = format(
        'flow %L: version %s has the same digest and other steps or deps', v_slug, p_version
      ),
      detail = jsonb_build_object('flow_slug', v_slug, 'stored', v_stored, 'given', v_given)::text,
      hint = 'write the manifest anew with `pgflow compile`, so that its digests are right';
  end if;
end;
$$;
