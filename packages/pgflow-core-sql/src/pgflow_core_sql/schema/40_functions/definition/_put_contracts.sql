-- _put_contracts: store the contract and the inputs of each step; apply its options in place.
-- What a step leaves open, its flow says; what neither says has the default of the manifest format.
-- But the timeout of a signal is its own: that of the flow bounds attempts, of which a signal has none.
-- Called by: _put_flow.
-- Locks:     the contracts.
-- Raises:    nothing.
-- Returns:   whether anything is new or changed.
create or replace function pgflow._put_contracts(p_flow jsonb) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed boolean;
begin
  insert into pgflow.contracts as c (
    flow_slug, step_slug, digest,
    max_attempts, base_delay_seconds, max_delay_seconds, backoff, start_delay_seconds, jitter, timeout_seconds,
    result_schema_id, max_result_bytes, over_source, over_step_slug, over_path
  )
  select
    p_flow ->> 'slug',
    s.value ->> 'slug',
    s.value ->> 'digest',
    coalesce((o.options ->> 'max_attempts')::numeric::integer, 3),
    coalesce((o.options ->> 'base_delay_seconds')::double precision, 1),
    coalesce((o.options ->> 'max_delay_seconds')::double precision, 300),
    coalesce(o.options ->> 'backoff', 'exponential'),
    coalesce((o.options ->> 'start_delay_seconds')::double precision, 0),
    coalesce((o.options ->> 'jitter')::double precision, 0.5),
    (
      case s.value ->> 'kind' when 'signal' then s.value -> 'options' else o.options end ->> 'timeout_seconds'
    )::double precision,
    pgflow._schema_id(pgflow._task_schema(s.value)),
    coalesce((o.options ->> 'max_result_bytes')::numeric::integer, 4194304),
    m.value ->> 'source',
    case when m.value ->> 'source' = 'result' then m.value ->> 'step' end,
    case when m.value is not null then
      array(select jsonb_array_elements_text(coalesce(m.value -> 'path', '[]')))
    end
  from jsonb_array_elements(p_flow -> 'steps') as s
  cross join lateral (
    select coalesce(jsonb_strip_nulls(p_flow -> 'options'), '{}')
      || coalesce(jsonb_strip_nulls(s.value -> 'options'), '{}') as options
  ) as o
  left join lateral (select nullif(s.value -> 'over', 'null') as value) as m on true
  on conflict (flow_slug, step_slug, digest) do update
    set max_attempts = excluded.max_attempts,
      base_delay_seconds = excluded.base_delay_seconds,
      max_delay_seconds = excluded.max_delay_seconds,
      backoff = excluded.backoff,
      start_delay_seconds = excluded.start_delay_seconds,
      jitter = excluded.jitter,
      timeout_seconds = excluded.timeout_seconds,
      result_schema_id = excluded.result_schema_id,
      max_result_bytes = excluded.max_result_bytes
    where (
      c.max_attempts, c.base_delay_seconds, c.max_delay_seconds, c.backoff, c.start_delay_seconds,
      c.jitter, c.timeout_seconds, c.result_schema_id, c.max_result_bytes
    ) is distinct from (
      excluded.max_attempts, excluded.base_delay_seconds, excluded.max_delay_seconds,
      excluded.backoff, excluded.start_delay_seconds, excluded.jitter, excluded.timeout_seconds,
      excluded.result_schema_id, excluded.max_result_bytes
    );
  v_changed := found;

  insert into pgflow.step_inputs (contract_id, parameter, source, from_step_slug, path)
  select
    c.contract_id,
    i.key,
    i.value ->> 'source',
    case when i.value ->> 'source' = 'result' then i.value ->> 'step' end,
    array(select jsonb_array_elements_text(coalesce(i.value -> 'path', '[]')))
  from jsonb_array_elements(p_flow -> 'steps') as s
  join pgflow.contracts as c
    on c.flow_slug = p_flow ->> 'slug'
    and c.step_slug = s.value ->> 'slug'
    and c.digest = s.value ->> 'digest'
  cross join lateral jsonb_each(coalesce(s.value -> 'inputs', '{}')) as i
  on conflict (contract_id, parameter) do nothing;
  return v_changed;
end;
$$;
