-- _explain_leases: the tasks of a run that a worker holds.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `leased`; `lease_overdue` when the lease is over or the worker silent, so that the
--            next sweep queues the task again. Ten tasks of a step at most.
create or replace function pgflow._explain_leases(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    n.step_slug,
    n.task_index,
    n.reason,
    case n.reason
      when 'leased' then format(
        'attempt %s is with worker %L until %s', n.attempt, n.worker, pgflow._told_time(n.leased_until)
      )
      else format(
        'attempt %s was with worker %L, which has gone silent; its lease ends at %s, and any worker that '
        'sweeps queues the task again', n.attempt, n.worker, pgflow._told_time(n.leased_until)
      )
    end,
    jsonb_build_object(
      'worker', n.worker, 'worker_id', n.worker_id, 'attempt', n.attempt,
      'claimed_at', n.claimed_at, 'leased_until', n.leased_until, 'tasks_count', n.tasks_count
    )
  from (
    select
      h.*,
      count(*) over (partition by h.step_slug, h.reason) as tasks_count,
      row_number() over (partition by h.step_slug, h.reason order by h.task_index) as position
    from (
      select
        l.*,
        w.name as worker,
        case
          when l.leased_until < pgflow._now()
            or w.status <> 'running'
            or pgflow._is_silent(w.last_beat_at, w.beat_seconds) then 'lease_overdue'
          else 'leased'
        end as reason
      from pgflow.leases as l
      left join pgflow.workers as w on w.worker_id = l.worker_id
      where l.run_id = p_run_id
    ) as h
  ) as n
  where n.position <= 10;
$$;
