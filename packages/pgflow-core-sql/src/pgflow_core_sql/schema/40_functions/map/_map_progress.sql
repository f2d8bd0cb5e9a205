-- _map_progress: how far a map step is; a map of sub-flows is of _sub_flow_progress.
-- A task that neither waits, is leased nor was skipped has completed, so of a step at work only those are read, and
-- of one that has ended none.
-- Called by: get_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for a map step that has begun: tasks by state; the attempts of the task that has
--            needed most of those that wait or run; the last error and the time of the task that is
--            tried again first.
create or replace function pgflow._map_progress(p_run_id uuid, p_step_slug text, p_status text)
returns table (tasks jsonb, attempts integer, error jsonb, retry_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    jsonb_build_object(
      'total', m.tasks_count,
      'completed', case
        when p_status = 'started' then m.tasks_count - w.waiting - l.running - m.skipped_count else m.completed_count
      end,
      'skipped', m.skipped_count,
      'running', l.running,
      'waiting', w.waiting
    ),
    greatest(w.attempts, l.attempts, 0),
    case when f.task_index is not null then e.error || jsonb_build_object('task_index', f.task_index) end,
    f.available_at
  from pgflow.maps as m
  cross join lateral (
    select count(*) as waiting, max(t.attempts_count) as attempts
    from pgflow.tasks as t
    where t.run_id = m.run_id and t.step_slug = m.step_slug and p_status = 'started'
  ) as w
  cross join lateral (
    select count(*) as running, max(l.attempt) as attempts
    from pgflow.leases as l
    where l.run_id = m.run_id and l.step_slug = m.step_slug and p_status = 'started'
  ) as l
  left join lateral (
    select t.task_index, t.available_at
    from pgflow.tasks as t
    where t.run_id = m.run_id and t.step_slug = m.step_slug and t.attempts_count > 0 and w.attempts > 0
    order by t.available_at, t.task_index
    limit 1
  ) as f on true
  left join lateral (
    select a.error
    from pgflow.attempt_log as a
    where a.run_id = m.run_id and a.step_slug = m.step_slug and a.task_index = f.task_index
    order by a.ended_at desc, a.attempt desc
    limit 1
  ) as e on true
  where m.run_id = p_run_id
    and m.step_slug = p_step_slug;
$$;
