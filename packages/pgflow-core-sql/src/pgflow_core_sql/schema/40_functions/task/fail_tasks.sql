-- fail_tasks: record failed attempts; retry each task, or fail its step and its run, or skip the step.
-- Called by: worker, when a handler raised, ran out of time or returned what cannot be stored.
-- Locks:     runs by id, then step states, then tasks and leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'retried' with the time of the next attempt, 'failed' when there
--            is none, because its step has ended or another one of the batch has ended its run,
--            'stale' when the lease is over.
create or replace function pgflow.fail_tasks(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_errors jsonb [],            -- {"code", "type", "message", "traceback"}
  p_retryable boolean [],       -- false: another attempt would end the same way
  p_retry_after_seconds double precision []  -- null: the back-off of the options; a year at most
) returns table (ordinal integer, outcome text, retry_at timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
    array[cardinality(p_errors), cardinality(p_retryable), cardinality(p_retry_after_seconds)]
  );
  perform pgflow._lock_runs(p_run_ids);
  return query
  with answered as (
    select e.*
    from pgflow._end_attempts(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, 'failed',
      p_errors, p_retryable, p_retry_after_seconds
    ) as e
  )
  select
    n.ordinal::integer,
    coalesce(a.outcome, 'stale'),
    a.retry_at
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  left join answered as a on a.lease_id = n.lease_id
  order by n.ordinal;
end;
$$;
