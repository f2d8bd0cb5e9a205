-- _sub_flow_progress: which run a step has started; of a map of sub-flows, how far it is.
-- Called by: get_run, _explain_sub_runs.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for a step that has begun: the sub-run of a step that is no map; of a map, its items by
--            state, running those whose sub-run is open, and five of its sub-runs, of those that are open while
--            it is at work.
create or replace function pgflow._sub_flow_progress(p_run_id uuid, p_step_slug text, p_status text)
returns table (sub_run_id uuid, tasks jsonb, sub_runs jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    null::uuid,
    jsonb_build_object(
      'total', m.tasks_count,
      'completed', case
        when p_status = 'started' then m.begun_count - o.running - m.skipped_count else m.completed_count
      end,
      'skipped', m.skipped_count,
      'running', o.running,
      'waiting', case when p_status = 'started' then m.tasks_count - m.begun_count else 0 end
    ),
    (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('task_index', n.task_index, 'run_id', n.sub_run_id) order by n.task_index
        ),
        '[]'
      )
      from (
        (
          select x.task_index, x.sub_run_id
          from pgflow.sub_runs as x
          where x.run_id = p_run_id and x.step_slug = p_step_slug and x.is_open and p_status = 'started'
          order by x.task_index
          limit 5
        )
        union all
        (
          select x.task_index, x.sub_run_id
          from pgflow.sub_runs as x
          where x.run_id = p_run_id and x.step_slug = p_step_slug and p_status <> 'started'
          order by x.task_index
          limit 5
        )
      ) as n
    )
  from pgflow.maps as m
  cross join lateral (
    select count(*) as running
    from pgflow.sub_runs as x
    where x.run_id = p_run_id and x.step_slug = p_step_slug and x.is_open and p_status = 'started'
  ) as o
  where m.run_id = p_run_id
    and m.step_slug = p_step_slug
  union all
  select x.sub_run_id, null, null
  from pgflow.sub_runs as x
  where x.run_id = p_run_id
    and x.step_slug = p_step_slug
    and x.task_index = 0
    and not exists (
      select 1 from pgflow.maps as m where m.run_id = p_run_id and m.step_slug = p_step_slug
    );
$$;
