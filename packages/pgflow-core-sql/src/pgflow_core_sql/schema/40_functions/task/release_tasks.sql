-- release_tasks: give tasks back unfinished; the attempt does not count.
-- Called by: worker, when it shuts down.
-- Locks:     runs by id, then tasks and leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'released', or 'stale' when the lease is over.
create or replace function pgflow.release_tasks(
  p_run_ids uuid [], p_step_slugs text [], p_task_indexes integer [], p_lease_ids uuid []
) returns table (ordinal integer, outcome text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_ordinals integer[];
  v_contract_ids integer[];
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids);
  perform pgflow._lock_runs(p_run_ids);
  v_now := pgflow._now();
  with released as (
    delete from pgflow.leases as l
    using unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids)
      with ordinality as n (run_id, step_slug, task_index, lease_id, ordinal)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.ordinal
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
    )
    select
      r.run_id, r.step_slug, r.task_index, r.lease_id, r.attempt, r.worker_id,
      'released', r.claimed_at, v_now
    from released as r
  ),
  queued as (
    insert into pgflow.tasks (
      run_id, step_slug, task_index, contract_id, attempts_count, available_at
    )
    select r.run_id, r.step_slug, r.task_index, r.contract_id, r.attempt - 1, v_now
    from released as r
  )
  select array_agg(r.ordinal), array_agg(r.contract_id) into v_ordinals, v_contract_ids
  from released as r;

  perform pgflow._wake_workers(v_contract_ids);
  perform pgflow._notify_watchers(p_run_ids);
  return query
  select n.ordinal::integer, case when n.ordinal = any (v_ordinals) then 'released' else 'stale' end
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  order by n.ordinal;
end;
$$;
