-- _end_map_steps: nothing of map steps that are skipped while they are at work stays queued, leased or kept, and
-- no sub-run goes on.
-- Called by: _fail_steps. The caller holds the locks of the runs.
-- Locks:     tasks, leases of the steps.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_map_steps(p_run_ids uuid [], p_step_slugs text []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
begin
  -- Before the leases, as in _end_runs: a claim that is under way moves a row from here to there.
  delete from pgflow.tasks as t
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where t.run_id = n.run_id and t.step_slug = n.step_slug;

  with ended as (
    delete from pgflow.leases as l
    using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where l.run_id = n.run_id and l.step_slug = n.step_slug
    returning l.*
  )
  insert into pgflow.attempt_log (
    run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
  )
  select
    e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
    'cancelled', e.claimed_at, v_now
  from ended as e;

  with dropped as (
    delete from pgflow.map_results as r
    using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where r.run_id = n.run_id and r.step_slug = n.step_slug
    returning r.run_id, r.step_slug
  )
  update pgflow.maps as m
  set completed_count = coalesce(d.completed_count, 0), shared_args = null
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  left join (
    select d.run_id, d.step_slug, count(*) as completed_count
    from dropped as d
    group by d.run_id, d.step_slug
  ) as d on d.run_id = n.run_id and d.step_slug = n.step_slug
  where m.run_id = n.run_id
    and m.step_slug = n.step_slug;

  delete from pgflow.map_items as i
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where i.run_id = n.run_id and i.step_slug = n.step_slug;

  perform pgflow._tell_sub_runs(p_run_ids, p_step_slugs);
end;
$$;
