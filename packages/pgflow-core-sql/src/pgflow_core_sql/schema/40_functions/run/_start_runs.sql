-- _start_runs: write the runs and let them begin, now or later.
-- Called by: start_flow, start_flows.
-- Locks:     none; everything is new.
-- Raises:    PF303 the run id is taken.
-- Returns:   nothing.
create or replace function pgflow._start_runs(
  p_flow_slug text, p_version integer, p_run_ids uuid [], p_payloads jsonb [],
  p_start_at timestamptz default null  -- null or past: now
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_owner text := pgflow._current_owner();  -- once: asked per row it took a third of a bulk start
  v_now timestamptz := pgflow._now();
  v_count integer;
begin
  insert into pgflow.runs (run_id, flow_slug, version, owner, payload, started_at)
  select n.run_id, p_flow_slug, p_version, v_owner, n.payload, v_now
  from unnest(p_run_ids, p_payloads) as n (run_id, payload)
  on conflict (run_id) do nothing;
  -- Not an exception handler: it would cost every start a subtransaction.
  get diagnostics v_count = row_count;
  if v_count < cardinality(p_run_ids) then
    raise exception using
      errcode = 'PF303',
      message = format('there is a run %s already', p_run_ids[1]),
      detail = jsonb_build_object('run_id', p_run_ids[1])::text,
      hint = 'leave p_run_id out, or look at the run that has this id';
  end if;

  if p_start_at > v_now then
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select n.run_id, '', 'start', p_start_at
    from unnest(p_run_ids) as n (run_id);
    perform pgflow._announce_timers(p_start_at);
  else
    perform pgflow._begin_runs(p_flow_slug, p_version, p_run_ids);
  end if;
end;
$$;
