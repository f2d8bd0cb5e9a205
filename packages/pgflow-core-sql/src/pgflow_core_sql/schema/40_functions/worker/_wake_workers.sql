-- _wake_workers: send one NOTIFY when an idle worker could take one of these tasks.
-- A busy worker claims again by itself; not notifying it keeps the database-wide lock that NOTIFY
-- takes at commit off the hot path. A wake-up lost to a race costs one polling interval at most.
-- Called by: _start_runs, _move_runs, _start_ready_steps, _queue_steps, _start_map_wave, _end_attempts,
--            release_tasks.
-- Locks:     the queue of notifications, at commit, when a worker is idle.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._wake_workers(
  p_contract_ids integer [],
  p_except_worker_id uuid default null
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select 1
    from pgflow.workers as w
    where w.status = 'running'
      and w.idle
      and w.contract_ids && p_contract_ids
      and w.worker_id is distinct from p_except_worker_id
  ) then
    perform pg_notify('pgflow_work', '');
  end if;
end;
$$;
