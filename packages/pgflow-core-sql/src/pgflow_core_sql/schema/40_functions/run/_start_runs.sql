-- _start_runs: write the runs and queue the steps that wait for nothing.
-- Called by: start_flow, start_flows.
-- Locks:     none; everything is new.
-- Raises:    PF303 the run id is taken.
-- Returns:   nothing.
create or replace function pgflow._start_runs(
  p_flow_slug text, p_version integer, p_run_ids uuid [], p_payloads jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_contract_ids integer[];
  v_maps pgflow.ready_map[];
  v_count integer;
begin
  insert into pgflow.runs (run_id, flow_slug, version, owner, payload, started_at)
  select n.run_id, p_flow_slug, p_version, pgflow._current_owner(), n.payload, v_now
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

  with root as (
    select s.step_slug, s.contract_id, s.kind
    from pgflow.steps as s
    where s.flow_slug = p_flow_slug
      and s.version = p_version
      and not exists (
        select 1
        from pgflow.deps as d
        where d.flow_slug = s.flow_slug
          and d.version = s.version
          and d.to_step_slug = s.step_slug
      )
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select n.run_id, root.step_slug, v_now
    from unnest(p_run_ids) as n (run_id) cross join root
    where root.kind = 'single'
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
    select n.run_id, root.step_slug, root.contract_id, v_now
    from unnest(p_run_ids) as n (run_id) cross join root
    where root.kind = 'single'
  )
  select
    (select array_agg(root.contract_id) from root where root.kind = 'single'),
    (
      select array_agg((n.run_id, root.step_slug, root.contract_id)::pgflow.ready_map)
      from root cross join unnest(p_run_ids) as n (run_id)
      where root.kind = 'map'
    )
  into v_contract_ids, v_maps;

  perform pgflow._wake_workers(v_contract_ids);
  if v_maps is not null then
    perform pgflow._start_maps(v_maps);
  end if;
end;
$$;
