-- _queue_steps: start steps of one task each that are not plain: queue the task, for later if they are delayed.
-- Called by: _start_special_wave, _start_failure_handlers. The caller holds the locks of the runs, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._queue_steps(
  p_steps pgflow.ready_step [], p_worker_id uuid
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_contract_ids integer[];
begin
  insert into pgflow.step_states (run_id, step_slug, started_at)
  select n.run_id, n.step_slug, v_now
  from unnest(p_steps) as n;

  with queued as (
    insert into pgflow.tasks as t (run_id, step_slug, contract_id, available_at)
    select n.run_id, n.step_slug, n.contract_id, v_now + make_interval(secs => c.start_delay_seconds)
    from unnest(p_steps) as n
    join pgflow.contracts as c on c.contract_id = n.contract_id
    returning t.contract_id, t.available_at
  )
  select array_agg(distinct q.contract_id) filter (where q.available_at <= v_now)
  into v_contract_ids
  from queued as q;
  perform pgflow._wake_workers(v_contract_ids, p_worker_id);
end;
$$;
