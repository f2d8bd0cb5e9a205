-- _start_sleeps: begin sleeps; those that are over already complete at once.
-- One whose end is neither a number of seconds nor a time fails, and with it its run, or is skipped.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have completed, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_sleeps(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_due_at timestamptz;
begin
  with begun as materialized (
    select n.run_id, n.step_slug, s.sleep, e.due_at
    from unnest(p_steps) as n
    -- a run may have failed by another step of the wave
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
    cross join lateral (
      select pgflow._sleep_end(n.run_id, s.sleep, v_now) as due_at offset 0
    ) as e
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      b.run_id, b.step_slug, case when b.due_at <= v_now then 'completed' else 'started' end,
      case when b.due_at <= v_now then 'null'::jsonb end, v_now, case when b.due_at <= v_now then v_now end
    from begun as b
  ),
  alarms as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select b.run_id, b.step_slug, 'sleep', b.due_at
    from begun as b
    where b.due_at > v_now
  )
  select
    array_agg(b.run_id) filter (where b.due_at <= v_now),
    array_agg(b.step_slug) filter (where b.due_at <= v_now),
    array_agg(b.run_id) filter (where b.due_at is null),
    array_agg(b.step_slug) filter (where b.due_at is null),
    array_agg(
      jsonb_build_object(
        'code', 'PF621',
        'type', 'SleepInvalidError',
        'message', format(
          'the sleep shall end at %s, which is neither a number of seconds nor a time',
          coalesce(left(pgflow._value_at(b.run_id, b.sleep -> 'until')::text, 200), 'null')
        )
      )
    ) filter (where b.due_at is null),
    min(b.due_at) filter (where b.due_at > v_now)
  into run_ids, step_slugs, v_failed_run_ids, v_failed_step_slugs, v_errors, v_due_at
  from begun as b;

  perform pgflow._announce_timers(v_due_at);
  if v_failed_run_ids is not null then
    select run_ids || array_agg(f.run_id), step_slugs || array_agg(f.step_slug)
    into run_ids, step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return next;
end;
$$;
