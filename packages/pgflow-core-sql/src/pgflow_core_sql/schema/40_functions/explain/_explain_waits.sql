-- _explain_waits: the steps of a run that wait without a task, and the run itself when it has not begun.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `waits_for_signal`, `sleeps_until`, `waits_for_run`; `starts_at` for each root step of a
--            run that begins later.
create or replace function pgflow._explain_waits(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.step_slug,
    null::integer,
    case s.kind when 'signal' then 'waits_for_signal' when 'sleep' then 'sleeps_until' else 'waits_for_run' end,
    case s.kind
      when 'signal' then 'waits for the signal' || coalesce(', until ' || pgflow._told_time(t.due_at), '')
      when 'sleep' then 'sleeps until ' || pgflow._told_time(t.due_at)
      else format('waits for run %s of flow %s', x.sub_run_id, s.sub_flow_slug)
    end,
    jsonb_strip_nulls(jsonb_build_object('until', t.due_at, 'run_id', x.sub_run_id, 'flow_slug', s.sub_flow_slug))
  from pgflow.step_states as ss
  join pgflow.steps as s
    on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = ss.step_slug
  left join pgflow.timers as t
    on t.run_id = p_run_id and t.step_slug = ss.step_slug and t.kind = s.kind
  left join pgflow.sub_runs as x on x.run_id = p_run_id and x.step_slug = ss.step_slug and x.task_index = 0
  where ss.run_id = p_run_id
    and ss.status = 'started'
    and s.kind in ('signal', 'sleep', 'flow')
    -- maps of sub-flows are of _explain_sub_runs
    and not exists (
      select 1 from pgflow.maps as m where m.run_id = p_run_id and m.step_slug = ss.step_slug
    )
  union all
  select
    s.step_slug, null, 'starts_at', 'the run begins at ' || pgflow._told_time(t.due_at),
    jsonb_build_object('at', t.due_at)
  from pgflow.timers as t
  join pgflow.steps as s on s.flow_slug = p_flow_slug and s.version = p_version and s.is_root
  where t.run_id = p_run_id
    and t.kind = 'start';
$$;
