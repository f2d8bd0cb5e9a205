-- _start_runs: write the runs, queue the steps that wait for nothing, and set the deadline.
-- One function for both, because a further call costs every start 7 % of its time.
-- Called by: start_flow, start_flows, _open_sub_runs, _fire_timers. Who gives no payloads holds the locks
--            of the runs, or made them.
-- Locks:     none further; what is written is new. Those of runs that a step fails at once.
-- Raises:    nothing.
-- Returns:   how many runs have been written, or begun; if fewer than were asked for, a run id was taken, and
--            whoever called must raise.
create or replace function pgflow._start_runs(
  p_flow_slug text, p_version integer, p_run_ids uuid [],
  p_payloads jsonb [],  -- null: the runs are there, and begin now
  p_start_at timestamptz default null  -- null or past: now
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_owner text := pgflow._current_owner();  -- once: asked per row it took a third of a bulk start
  v_now timestamptz := pgflow._now();
  v_step_slugs text[];
  v_contract_ids integer[];
  v_special pgflow.ready_step[];
  v_deadline timestamptz;
  v_count integer;
begin
  if p_payloads is not null then
    insert into pgflow.runs (run_id, flow_slug, version, owner, payload, started_at)
    select n.run_id, p_flow_slug, p_version, v_owner, n.payload, v_now
    from unnest(p_run_ids, p_payloads) as n (run_id, payload)
    on conflict (run_id) do nothing;
    -- Not an exception handler: it would cost every start a subtransaction.
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_run_ids) then
      return v_count;
    end if;
  end if;
  if p_start_at > v_now then
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select n.run_id, '', 'start', p_start_at
    from unnest(p_run_ids) as n (run_id);
    perform pgflow._announce_timers(p_start_at);
    return cardinality(p_run_ids);
  end if;

  select
    array_agg(s.step_slug) filter (where s.is_plain),
    array_agg(s.contract_id) filter (where s.is_plain),
    array_agg(
      (null, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
    ) filter (where not s.is_plain),
    (
      select v_now + make_interval(secs => v.deadline_seconds)
      from pgflow.flow_versions as v
      where v.flow_slug = p_flow_slug and v.version = p_version
    )
  into v_step_slugs, v_contract_ids, v_special, v_deadline
  from pgflow.steps as s
  where s.flow_slug = p_flow_slug
    and s.version = p_version
    and s.is_root;
  insert into pgflow.step_states (run_id, step_slug, started_at)
  select n.run_id, r.step_slug, v_now
  from unnest(p_run_ids) as n (run_id) cross join unnest(v_step_slugs) as r (step_slug);
  insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
  select n.run_id, r.step_slug, r.contract_id, v_now
  from unnest(p_run_ids) as n (run_id)
  cross join unnest(v_step_slugs, v_contract_ids) as r (step_slug, contract_id);

  if v_deadline is not null then
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select n.run_id, '', 'deadline', v_deadline
    from unnest(p_run_ids) as n (run_id);
    perform pgflow._announce_timers(v_deadline);
  end if;

  perform pgflow._wake_workers(v_contract_ids);
  if v_special is not null then
    perform pgflow._start_special_steps(array_agg(
      (n.run_id, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
    ))
    from unnest(p_run_ids) as n (run_id)
    cross join unnest(v_special) as s;
  end if;
  return cardinality(p_run_ids);
end;
$$;
