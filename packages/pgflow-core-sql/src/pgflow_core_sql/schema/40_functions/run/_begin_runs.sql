-- _begin_runs: queue the steps that wait for nothing, and set the deadline.
-- Called by: _start_runs, _start_sub_flows, _fire_timers. The caller holds the locks of the runs, or made them.
-- Locks:     none further, unless a step that is not plain fails its run.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._begin_runs(
  p_flow_slug text, p_version integer, p_run_ids uuid []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_step_slugs text[];
  v_contract_ids integer[];
  v_special pgflow.ready_step[];
  v_deadline timestamptz;
begin
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
end;
$$;
