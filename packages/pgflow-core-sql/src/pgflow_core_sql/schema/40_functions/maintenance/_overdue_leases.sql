-- _overdue_leases: leases that ended without a report, and all leases of dead or silent workers.
-- Called by: _expire_leases.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the key of each, and whose it was.
create or replace function pgflow._overdue_leases()
returns table (
  run_id uuid, step_slug text, task_index integer, lease_id uuid, worker_id uuid, worker_name text
)
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select l.run_id, l.step_slug, l.task_index, l.lease_id, l.worker_id, w.name
  from pgflow.leases as l
  left join pgflow.workers as w on w.worker_id = l.worker_id
  where l.leased_until < pgflow._now()
    or w.status = 'dead'
    or (w.status = 'running' and pgflow._is_silent(w.last_beat_at, w.beat_seconds))
  order by l.leased_until;
$$;
