-- _explain_sub_runs: how far the maps of sub-flows of a run are, and which sub-runs they wait for.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row with the reason `waits_for_runs` for each map; then `waits_for_run` for each sub-run that is
--            open, ten of a step at most: explain these for more.
create or replace function pgflow._explain_sub_runs(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with map as materialized (
    select m.step_slug, s.sub_flow_slug, p.tasks
    from pgflow.maps as m
    join pgflow.step_states as ss
      on ss.run_id = m.run_id and ss.step_slug = m.step_slug and ss.status = 'started'
    join pgflow.steps as s
      on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = m.step_slug
    cross join lateral pgflow._sub_flow_progress(p_run_id, m.step_slug, 'started') as p
    where m.run_id = p_run_id
      and m.begun_count is not null
  )
  select
    m.step_slug, null::integer, 'waits_for_runs',
    format(
      'waits for runs of flow %s: %s of %s items have completed%s, %s runs are open, %s are to begin',
      m.sub_flow_slug, m.tasks ->> 'completed', m.tasks ->> 'total',
      case when m.tasks ->> 'skipped' <> '0' then format(' and %s were skipped', m.tasks ->> 'skipped') else '' end,
      m.tasks ->> 'running', m.tasks ->> 'waiting'
    ),
    jsonb_build_object('flow_slug', m.sub_flow_slug, 'tasks', m.tasks)
  from map as m
  union all
  select
    m.step_slug, o.task_index, 'waits_for_run',
    format('waits for run %s of flow %s', o.sub_run_id, m.sub_flow_slug),
    jsonb_build_object('run_id', o.sub_run_id, 'flow_slug', m.sub_flow_slug, 'tasks_count', m.tasks -> 'running')
  from map as m
  cross join lateral (
    select x.task_index, x.sub_run_id
    from pgflow.sub_runs as x
    where x.run_id = p_run_id and x.step_slug = m.step_slug and x.is_open
    order by x.task_index
    limit 10
  ) as o;
$$;
