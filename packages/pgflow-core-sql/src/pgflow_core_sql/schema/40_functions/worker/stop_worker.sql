-- stop_worker: a worker says goodbye; what it still held is released. A claim of it that is under way is
-- released by the next sweep.
-- Called by: worker, at its end.
-- Locks:     runs by id, then tasks and leases, then the row of the worker.
-- Raises:    PF503 isolation level.
-- Returns:   nothing; an unknown worker is none the worse for it.
create or replace function pgflow.stop_worker(p_worker_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow.release_tasks(
    array_agg(l.run_id), array_agg(l.step_slug), array_agg(l.task_index), array_agg(l.lease_id)
  )
  from pgflow.leases as l
  where l.worker_id = p_worker_id
  having count(*) > 0;

  update pgflow.workers as w
  set status = 'stopped', idle = false, ended_at = pgflow._now()
  where w.worker_id = p_worker_id
    and w.status = 'running';
end;
$$;
