-- _start_signals: begin to wait for signals; those that were sent before complete their steps at once.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have completed, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_signals(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
begin
  return query
  with awaited as materialized (
    select n.run_id, n.step_slug, g.payload, c.timeout_seconds
    from unnest(p_steps) as n
    -- a run may have failed by another step of the wave
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    join pgflow.contracts as c on c.contract_id = n.contract_id
    left join pgflow.signals as g on g.run_id = n.run_id and g.step_slug = n.step_slug
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      a.run_id, a.step_slug, case when a.payload is null then 'started' else 'completed' end, a.payload, v_now,
      case when a.payload is not null then v_now end
    from awaited as a
  ),
  limits as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select a.run_id, a.step_slug, 'signal', v_now + make_interval(secs => a.timeout_seconds)
    from awaited as a
    where a.payload is null and a.timeout_seconds is not null
    returning timers.due_at
  )
  select
    array_agg(a.run_id) filter (where a.payload is not null),
    array_agg(a.step_slug) filter (where a.payload is not null)
  from awaited as a
  cross join lateral (select pgflow._announce_timers((select min(l.due_at) from limits as l))) as told;
end;
$$;
