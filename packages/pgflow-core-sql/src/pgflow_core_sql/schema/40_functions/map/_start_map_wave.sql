-- _start_map_wave: start map steps: write their items and queue a task for each. Those of a map of sub-flows
-- begin by a timer (_advance_sub_flow_maps): were it here, a flow that maps a flow that maps one would be a
-- transaction of all their runs.
-- One over an empty list completes at once, one over no list fails, and with it the run, or is skipped.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have ended, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_map_wave(
  p_maps pgflow.ready_step [], p_worker_id uuid
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_queued_contract_ids integer[];
  v_has_sub_flows boolean;
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
begin
  with opened as materialized (
    select
      n.run_id, n.step_slug, n.contract_id, n.kind, o.list,
      v_now + make_interval(secs => c.start_delay_seconds) as available_at,
      case when jsonb_typeof(o.list) = 'array' then jsonb_array_length(o.list) end as tasks_count
    from unnest(p_maps) as n
    join pgflow.contracts as c on c.contract_id = n.contract_id
    cross join lateral (
      select pgflow._map_source(n.run_id, n.contract_id) as list offset 0
    ) as o
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      o.run_id, o.step_slug,
      case o.tasks_count when 0 then 'completed' else 'started' end,
      case o.tasks_count when 0 then '[]'::jsonb end,
      v_now,
      case o.tasks_count when 0 then v_now end
    from opened as o
  ),
  begun as (
    insert into pgflow.maps (run_id, step_slug, tasks_count, open_index, shared_args, begun_count)
    select
      o.run_id, o.step_slug, o.tasks_count,
      case o.kind when 'map' then o.tasks_count - 1 end,
      case when o.kind = 'map' and o.tasks_count > 0 then pgflow._shared_args(o.run_id, o.contract_id) end,
      case o.kind when 'flow' then 0 end
    from opened as o
    where o.tasks_count is not null
  ),
  items as (
    insert into pgflow.map_items (run_id, step_slug, task_index, item)
    select o.run_id, o.step_slug, e.ordinality - 1, e.value
    from opened as o
    cross join lateral jsonb_array_elements(
      case when o.tasks_count > 0 then o.list else '[]' end
    ) with ordinality as e
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, task_index, contract_id, available_at)
    select o.run_id, o.step_slug, n.task_index, o.contract_id, o.available_at
    from opened as o
    cross join lateral generate_series(0, o.tasks_count - 1) as n (task_index)
    where o.kind = 'map'
  ),
  told as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
    select o.run_id, o.step_slug, 'sub_flow', v_now, -1
    from opened as o
    where o.kind = 'flow' and o.tasks_count > 0
  )
  select
    array_agg(o.run_id) filter (where o.tasks_count = 0),
    array_agg(o.step_slug) filter (where o.tasks_count = 0),
    array_agg(distinct o.contract_id) filter (
      where o.kind = 'map' and o.tasks_count > 0 and o.available_at <= v_now
    ),
    bool_or(o.kind = 'flow' and o.tasks_count > 0),
    array_agg(o.run_id) filter (where o.tasks_count is null),
    array_agg(o.step_slug) filter (where o.tasks_count is null),
    array_agg(pgflow._no_list_error(o.contract_id, o.list)) filter (where o.tasks_count is null)
  into
    v_run_ids, v_step_slugs, v_queued_contract_ids, v_has_sub_flows, v_failed_run_ids, v_failed_step_slugs,
    v_errors
  from opened as o;

  perform pgflow._wake_workers(v_queued_contract_ids, p_worker_id);
  if v_has_sub_flows then
    perform pgflow._announce_timers(v_now);
  end if;
  if v_failed_run_ids is not null then
    select v_run_ids || array_agg(f.run_id), v_step_slugs || array_agg(f.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return query select v_run_ids, v_step_slugs;
end;
$$;
