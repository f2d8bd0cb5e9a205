-- extend_leases: keep tasks ours for p_lease_seconds more, from now.
-- Called by: worker, from a thread of its own, well before the leases end.
-- Locks:     runs by id, then leases.
-- Raises:    PF203 lease out of range; PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: the new end, or null when the lease is lost: stop the handler.
create or replace function pgflow.extend_leases(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_lease_seconds double precision default 30
) returns table (ordinal integer, leased_until timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  perform pgflow._require_read_committed();
  perform pgflow._check_claim(1, p_lease_seconds);
  perform pgflow._require_batch(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids);
  -- The lock of the runs, so that this never meets a report of the same leases in another order.
  perform pgflow._lock_runs(p_run_ids);
  return query
  with extended as (
    update pgflow.leases as l
    set leased_until = pgflow._now() + make_interval(secs => p_lease_seconds)
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids)
      as n (run_id, step_slug, task_index, lease_id)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.lease_id, l.leased_until
  )
  select n.ordinal::integer, e.leased_until
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  left join extended as e on e.lease_id = n.lease_id
  order by n.ordinal;
end;
$$;
