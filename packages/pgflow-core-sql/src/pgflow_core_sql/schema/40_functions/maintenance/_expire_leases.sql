-- _expire_leases: end the leases that are overdue or whose worker is dead; the attempt counts.
-- Only what is in flight is in `leases`, so a plain scan of it is cheap.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then step states, then tasks and leases.
-- Raises:    nothing.
-- Returns:   how many expired.
create or replace function pgflow._expire_leases(p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
  v_count integer;
begin
  -- Candidates first, without a lock; then their runs, as the lock order wants; then again only
  -- those that are still overdue, for some may have been extended or reported meanwhile. A run that
  -- somebody holds locked is left to a later sweep: it must not keep the others from their end.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (array(select o.run_id from pgflow._overdue_leases() as o))
    order by r.run_id
    for no key update skip locked
    limit p_limit
  );
  if cardinality(v_run_ids) = 0 then
    return 0;
  end if;

  select count(e.lease_id) into v_count
  from (
    select
      array_agg(o.run_id) as run_ids,
      array_agg(o.step_slug) as step_slugs,
      array_agg(o.task_index) as task_indexes,
      array_agg(o.lease_id) as lease_ids,
      array_agg(
        jsonb_build_object(
          'code', 'PF604',
          'type', 'LeaseExpiredError',
          'message', format('worker %s stopped extending its lease', coalesce(o.worker_name, o.worker_id::text))
        )
      ) as errors,
      array_agg(true) as retryable,
      -- At once: a dead worker says nothing against the task.
      array_agg(0::double precision) as retry_after_seconds
    from pgflow._overdue_leases() as o
    where o.run_id = any (v_run_ids)
  ) as b
  cross join lateral pgflow._end_attempts(
    b.run_ids, b.step_slugs, b.task_indexes, b.lease_ids, 'expired',
    b.errors, b.retryable, b.retry_after_seconds
  ) as e
  where b.run_ids is not null;
  return v_count;
end;
$$;
