-- get_run: everything about one run, in one document.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF102 unknown run, or not the caller's.
-- Returns:   run_id, parent_run_id of a sub-run, flow_slug, version, status, owner, payload, output (the
--            results of the leaf
--            steps by slug, once completed), error, started_at, ended_at, and steps in topological
--            order, those that still wait among them as 'created'. A failure handler is among them once it
--            has begun; a step that was skipped tells why (skip_reason). A map step that has begun tells
--            its tasks by state; attempts, error and retry_at are then as _map_progress says. A step that has
--            started a run tells its id, and a map of them what _sub_flow_progress says.
create or replace function pgflow.get_run(p_run_id uuid) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
  v_steps jsonb;
  v_output jsonb;
begin
  select r.* into v_run from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;

  select
    jsonb_agg(
      jsonb_build_object(
        'slug', s.step_slug,
        'kind', s.kind,
        'status', coalesce(
          ss.status, case v_run.status when 'started' then 'created' else 'cancelled' end
        ),
        'skip_reason', ss.skip_reason,
        'result', ss.step_result,
        'error', coalesce(ss.error, m.error, last_attempt.error),
        'attempts', coalesce(
          m.attempts, l.attempt, t.attempts_count, ss.attempt, last_attempt.attempt, 0
        ),
        'started_at', ss.started_at,
        'ended_at', ss.ended_at,
        'running', l.lease_id is not null or coalesce((m.tasks ->> 'running')::integer > 0, false),
        'worker', w.name,
        'retry_at', coalesce(m.retry_at, case when t.attempts_count > 0 then t.available_at end),
        'tasks', coalesce(m.tasks, x.tasks),
        'sub_run_id', x.sub_run_id,
        'sub_runs', x.sub_runs
      )
      order by s.step_index
    ),
    jsonb_object_agg(s.step_slug, ss.step_result) filter (where s.is_leaf)
  into v_steps, v_output
  from pgflow.steps as s
  left join pgflow.step_states as ss on ss.run_id = p_run_id and ss.step_slug = s.step_slug
  left join pgflow.tasks as t
    on t.run_id = p_run_id and t.step_slug = s.step_slug and t.task_index = 0 and s.kind <> 'map'
  left join pgflow.leases as l
    on l.run_id = p_run_id and l.step_slug = s.step_slug and l.task_index = 0 and s.kind <> 'map'
  left join lateral (
    select a.worker_id, a.attempt, a.error
    from pgflow.attempt_log as a
    where a.run_id = p_run_id
      and a.step_slug = s.step_slug
      and s.kind <> 'map'
      and ss.lease_id is null
    order by a.ended_at desc, a.attempt desc
    limit 1
  ) as last_attempt on true
  left join lateral (
    -- `offset 0`: so that it is called for maps only
    select p.*
    from pgflow._map_progress(p_run_id, s.step_slug, ss.status) as p
    where s.kind = 'map'
    offset 0
  ) as m on true
  left join lateral (
    select p.*
    from pgflow._sub_flow_progress(p_run_id, s.step_slug, ss.status) as p
    where s.kind = 'flow'
    offset 0
  ) as x on true
  left join pgflow.workers as w on w.worker_id = coalesce(l.worker_id, ss.worker_id, last_attempt.worker_id)
  where s.flow_slug = v_run.flow_slug
    and s.version = v_run.version
    and (s.kind <> 'failure' or ss.step_slug is not null);

  return jsonb_build_object(
    'run_id', v_run.run_id,
    'parent_run_id', v_run.parent_run_id,
    'flow_slug', v_run.flow_slug,
    'version', v_run.version,
    'status', v_run.status,
    'owner', v_run.owner,
    'payload', v_run.payload,
    'output', case v_run.status when 'completed' then v_output end,
    'error', v_run.error,
    'started_at', v_run.started_at,
    'ended_at', v_run.ended_at,
    'steps', v_steps
  );
end;
$$;
