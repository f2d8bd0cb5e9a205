-- _release_leases: give back what stopped workers still hold; the attempts do not count.
-- stop_worker does it itself, but for a claim of its worker that was under way: to wait for that one could
-- be a deadlock, since whoever claims may hold runs.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then tasks and leases.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._release_leases(p_limit integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
begin
  -- As in _expire_leases: candidates, then their runs, then again what is still held.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (
      array(
        select l.run_id
        from pgflow.leases as l
        join pgflow.workers as w on w.worker_id = l.worker_id
        where w.status = 'stopped'
      )
    )
    order by r.run_id
    for no key update skip locked
    limit p_limit
  );
  perform pgflow.release_tasks(
    array_agg(l.run_id), array_agg(l.step_slug), array_agg(l.task_index), array_agg(l.lease_id)
  )
  from pgflow.leases as l
  join pgflow.workers as w on w.worker_id = l.worker_id
  where w.status = 'stopped'
    and l.run_id = any (v_run_ids)
  having count(*) > 0;
end;
$$;
