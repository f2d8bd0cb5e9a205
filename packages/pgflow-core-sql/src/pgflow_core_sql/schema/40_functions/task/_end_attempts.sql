-- _end_attempts: end attempts that brought no result; queue the tasks again or give them up.
-- Called by: fail_tasks, _fail_unfit, _expire_leases. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   one row for each lease that was still held: 'retried' with the time, or 'failed' when
--            there is no further attempt, or its step or run has ended by another one of the batch.
create or replace function pgflow._end_attempts(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_outcome text,
  p_errors jsonb [],
  p_retryable boolean [],
  p_retry_after_seconds double precision []
) returns table (lease_id uuid, outcome text, retry_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_ended pgflow.ended_attempt[];
  v_contract_ids integer[];
begin
  with ended as (
    delete from pgflow.leases as l
    using unnest(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
      p_errors, p_retryable, p_retry_after_seconds
    ) as n (run_id, step_slug, task_index, lease_id, error, retryable, retry_after_seconds)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.error, n.retryable, n.retry_after_seconds
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, error,
      started_at, ended_at
    )
    select
      e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id, p_outcome, e.error,
      e.claimed_at, v_now
    from ended as e
  )
  select
    array_agg(
      (
        e.run_id, e.step_slug, e.task_index, e.lease_id, e.contract_id, e.attempt,
        case
          when c.over_source is null then e.error
          else coalesce(e.error, '{}') || jsonb_build_object('task_index', e.task_index)
        end,
        case
          when coalesce(e.retryable, true) and e.attempt < c.max_attempts then
            v_now + coalesce(
              -- At most a year: infinity and NaN would end the whole batch with an error. Null is
              -- asked for first, because `greatest` and `least` pass over nulls.
              case when e.retry_after_seconds is not null then
                make_interval(secs => least(greatest(e.retry_after_seconds, 0), 31536000))
              end,
              pgflow._retry_delay(
                e.attempt, c.base_delay_seconds, c.max_delay_seconds, c.jitter, c.backoff
              )
            )
        end
      )::pgflow.ended_attempt
    )
  into v_ended
  from ended as e
  join pgflow.contracts as c on c.contract_id = e.contract_id;

  with queued as (
    insert into pgflow.tasks as t (
      run_id, step_slug, task_index, contract_id, attempts_count, available_at
    )
    select e.run_id, e.step_slug, e.task_index, e.contract_id, e.attempt, e.retry_at
    from unnest(v_ended) as e
    where e.retry_at is not null
    returning t.contract_id, t.available_at
  )
  select array_agg(q.contract_id) filter (where q.available_at <= v_now)
  into v_contract_ids
  from queued as q;
  perform pgflow._wake_workers(v_contract_ids);

  -- What was queued just now is gone again when this ends its step or its run.
  perform pgflow._give_up(array_agg(e))
  from unnest(v_ended) as e
  where e.retry_at is null
  having count(*) > 0;

  perform pgflow._notify_watchers(p_run_ids);
  return query
  select
    e.lease_id,
    case when t.available_at is null then 'failed' else 'retried' end,
    t.available_at
  from unnest(v_ended) as e
  left join lateral (
    select t.available_at
    from pgflow.tasks as t
    where t.run_id = e.run_id and t.step_slug = e.step_slug and t.task_index = e.task_index
    offset 0
  ) as t on true;
end;
$$;
