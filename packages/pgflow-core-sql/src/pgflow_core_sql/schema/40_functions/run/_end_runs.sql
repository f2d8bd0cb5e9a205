-- _end_runs: end runs early: nothing of them stays queued or leased. Runs that have ended are left alone.
-- Of a flow with a failure handler, the handler's task is queued when the run fails.
-- Called by: cancel_run, _fail_steps, _fire_timers. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_runs(
  p_run_ids uuid [], p_status text, p_errors jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[] := array(
    select r.run_id from pgflow.runs as r where r.run_id = any (p_run_ids) and r.status = 'started'
  );
begin
  update pgflow.step_states as s
  set status = 'cancelled', ended_at = v_now
  where s.run_id = any (v_run_ids)
    and s.status = 'started';

  -- Before the leases: a claim that is under way moves a row from here to there, and this delete
  -- waits for it.
  delete from pgflow.tasks as t
  where t.run_id = any (v_run_ids);

  with ended as (
    delete from pgflow.leases as l
    where l.run_id = any (v_run_ids)
    returning l.*
  )
  insert into pgflow.attempt_log (
    run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
  )
  select
    e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
    'cancelled', e.claimed_at, v_now
  from ended as e;

  if exists (select 1 from pgflow.maps as m where m.run_id = any (v_run_ids)) then
    perform pgflow._drop_items(v_run_ids);
  end if;

  delete from pgflow.timers as t
  where t.run_id = any (v_run_ids);

  update pgflow.runs as r
  set status = p_status, error = n.error, ended_at = v_now
  from unnest(p_run_ids, p_errors) as n (run_id, error)
  where r.run_id = n.run_id
    and r.status = 'started';

  perform pgflow._tell_parents(array_agg(r.run_id))
  from pgflow.runs as r
  where r.run_id = any (v_run_ids)
    and r.parent_run_id is not null
  having count(*) > 0;
  perform pgflow._tell_sub_runs(v_run_ids);
  if p_status = 'failed' then
    perform pgflow._start_failure_handlers(v_run_ids);
  end if;
  perform pgflow._notify_watchers(p_run_ids);
end;
$$;
