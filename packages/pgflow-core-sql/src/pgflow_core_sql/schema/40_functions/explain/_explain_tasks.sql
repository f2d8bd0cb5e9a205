-- _explain_tasks: the tasks of a run that wait in the queue.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `retry_at` after an attempt that failed, `delayed_until` without one, `no_worker` when
--            no living worker has the handler, else `waits_for_worker`. Ten tasks of a step at most.
create or replace function pgflow._explain_tasks(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with waiting as materialized (
    select t.*, a.error
    from pgflow.tasks as t
    left join lateral (
      select l.error
      from pgflow.attempt_log as l
      where l.run_id = t.run_id
        and l.step_slug = t.step_slug
        and l.task_index = t.task_index
        and t.attempts_count > 0
      order by l.ended_at desc, l.attempt desc
      limit 1
    ) as a on true
    where t.run_id = p_run_id
  ),
  contract as materialized (
    select
      c.contract_id, c.max_attempts, c.digest, pgflow._is_served(c.contract_id) as is_served,
      (
        select count(*)
        from pgflow.contracts as o
        where o.flow_slug = c.flow_slug
          and o.step_slug = c.step_slug
          and o.contract_id <> c.contract_id
          and pgflow._is_served(o.contract_id)
      ) as others_served_count
    from pgflow.contracts as c
    where c.contract_id in (select w.contract_id from waiting as w)
  ),
  explained as (
    select
      w.*, c.max_attempts, c.digest, c.others_served_count, r.reason,
      count(*) over (partition by w.step_slug, r.reason) as tasks_count,
      row_number() over (partition by w.step_slug, r.reason order by w.available_at, w.task_index) as position
    from waiting as w
    join contract as c on c.contract_id = w.contract_id
    cross join lateral (
      select case
        when not c.is_served then 'no_worker'
        when w.available_at <= pgflow._now() then 'waits_for_worker'
        when w.attempts_count > 0 then 'retry_at'
        else 'delayed_until'
      end as reason
    ) as r
  )
  select
    e.step_slug,
    e.task_index,
    e.reason,
    case e.reason
      when 'no_worker' then 'no living worker has this handler' || case
        when e.others_served_count > 0 then
          '; those that live have one for another version of the step: start a worker with the flows of '
          'this version, or move the run with `pgflow runs upgrade`'
        else '; start a worker that has the flow'
      end
      when 'waits_for_worker' then format(
        'has been waiting since %s for a worker that is free', pgflow._told_time(e.available_at)
      )
      when 'retry_at' then format(
        'attempt %s of %s begins at %s; the last one failed: %s',
        e.attempts_count + 1, e.max_attempts, pgflow._told_time(e.available_at),
        coalesce(e.error ->> 'message', 'no error was reported')
      )
      else format('delayed until %s', pgflow._told_time(e.available_at))
    end,
    jsonb_strip_nulls(jsonb_build_object(
      'available_at', e.available_at, 'attempts_count', e.attempts_count,
      'max_attempts', e.max_attempts, 'error', e.error, 'digest', e.digest,
      'tasks_count', e.tasks_count
    ))
  from explained as e
  where e.position <= 10;
$$;
