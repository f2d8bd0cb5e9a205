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
    is_root, is_leaf, condition, when_unmet, on_failure, sleep,
    sub_flow_slug, sub_step_slug
  )
  select
    v_slug,
    p_version,
    n.value ->> 'slug',
    n.ordinality - 1,
    coalesce(n.value ->> 'kind', 'single'),
    coalesce(n.value ->> 'description', ''),
    n.value -> 'result_schema',
    c.contract_id,
    coalesce(n.value -> 'deps', '[]') = '[]' and n.value ->> 'kind' is distinct from 'failure',
    n.value ->> 'kind' is distinct from 'failure' and not exists (
      select 1
      from jsonb_array_elements(p_flow -> 'steps') as waiting
      where waiting.value -> 'deps' ? (n.value ->> 'slug')
    ),
    nullif(n.value -> 'when', 'null'),
    coalesce(n.value ->> 'when_unmet', 'skip'),
    coalesce(n.value ->> 'on_failure', 'fail'),
    case n.value ->> 'kind'
      when 'sleep' then jsonb_strip_nulls(
        jsonb_build_object('seconds', n.value -> 'seconds', 'until', n.value -> 'until')
      )
    end,
    n.value ->> 'flow',
    n.value ->> 'flow_step'
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

  perform pgflow._mark_plain_steps(v_slug);
  return v_changed;
end;
$$;
