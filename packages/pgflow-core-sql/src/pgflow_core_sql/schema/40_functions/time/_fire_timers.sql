-- _fire_timers: let what is due happen: sleeps and waits for signals end, runs begin or fail.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   how many were due.
create or replace function pgflow._fire_timers(p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_due pgflow.timers[];
begin
  -- As in _expire_leases: candidates, then their runs, then again only what is still due.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (
      array(select t.run_id from pgflow.timers as t where t.due_at <= v_now order by t.due_at limit p_limit)
    )
    order by r.run_id
    for no key update skip locked
  );
  if cardinality(v_run_ids) = 0 then
    return 0;
  end if;
  with fired as (
    delete from pgflow.timers as t
    where t.run_id = any (v_run_ids) and t.due_at <= v_now
    returning t as timer
  )
  select array_agg(f.timer) into v_due from fired as f;

  with ended as (
    update pgflow.step_states as s
    set status = 'completed', step_result = 'null', ended_at = v_now
    from unnest(v_due) as d
    where s.run_id = d.run_id
      and s.step_slug = d.step_slug
      and s.status = 'started'
      and d.kind in ('sleep', 'signal')
    returning s.run_id, s.step_slug
  )
  select array_agg(e.run_id), array_agg(e.step_slug) into v_run_ids, v_step_slugs from ended as e;
  if v_run_ids is not null then
    perform pgflow._advance_runs(v_run_ids, v_step_slugs);
  end if;

  perform pgflow._end_sub_flows(array_agg(d)) from unnest(v_due) as d where d.kind = 'sub_flow' having count(*) > 0;
  perform pgflow._start_runs(b.flow_slug, b.version, b.run_ids, null)
  from (
    select r.flow_slug, r.version, array_agg(r.run_id) as run_ids
    from unnest(v_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    where d.kind = 'start'
    group by r.flow_slug, r.version
  ) as b;

  perform pgflow._end_runs(
    array_agg(r.run_id),
    'failed',
    array_agg(jsonb_build_object(
      'code', 'PF620',
      'type', 'RunDeadlineError',
      'message', format('the run has not ended by %s', d.due_at)
    ))
  )
  from unnest(v_due) as d
  join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
  where d.kind = 'deadline'
  having count(*) > 0;
  perform pgflow._end_runs(
    array_agg(r.run_id),
    'cancelled',
    array_agg(jsonb_build_object(
      'message', 'cancelled', 'reason', format('run %s, which had started it, waits for it no longer', r.parent_run_id)
    ))
  )
  from unnest(v_due) as d
  join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
  where d.kind = 'parent'
  having count(*) > 0;
  return cardinality(v_due);
end;
$$;
