-- _put_steps: store the steps and deps of one version of a flow.
-- Called by: _put_flow.
-- Locks:     the steps of the version.
-- Raises:    nothing.
-- Returns:   whether anything is new or changed.
create or replace function pgflow._put_steps(p_flow jsonb, p_version integer) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_changed boolean;
begin
  insert into pgflow.steps as s (
    flow_slug, version, step_slug, step_index, kind, description, result_schema, contract_id,
    is_root, is_leaf
  )
  select
    v_slug,
    p_version,
    n.value ->> 'slug',
    n.ordinality - 1,
    case when c.over_source is null then 'single' else 'map' end,
    coalesce(n.value ->> 'description', ''),
    n.value -> 'result_schema',
    c.contract_id,
    coalesce(n.value -> 'deps', '[]') = '[]',
    not exists (
      select 1
      from jsonb_array_elements(p_flow -> 'steps') as waiting
      where waiting.value -> 'deps' ? (n.value ->> 'slug')
    )
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as n
  join pgflow.contracts as c
    on c.flow_slug = v_slug
    and c.step_slug = n.value ->> 'slug'
    and c.digest = n.value ->> 'digest'
  on conflict (flow_slug, version, step_slug) do update
    set step_index = excluded.step_index,
      description = excluded.description,
      result_schema = excluded.result_schema
    where (s.step_index, s.description, s.result_schema)
      is distinct from (excluded.step_index, excluded.description, excluded.result_schema);
  v_changed := found;

  insert into pgflow.deps (flow_slug, version, from_step_slug, to_step_slug)
  select v_slug, p_version, d.value, n.value ->> 'slug'
  from jsonb_array_elements(p_flow -> 'steps') as n
  cross join lateral jsonb_array_elements_text(coalesce(n.value -> 'deps', '[]')) as d
  on conflict do nothing;
  return v_changed;
end;
$$;
