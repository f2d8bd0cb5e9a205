-- _sub_run_outcomes: what the sub-runs of maps that have ended came to.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one for each; none for items of steps that do not wait any more.
create or replace function pgflow._sub_run_outcomes(p_due pgflow.timers []) returns pgflow.item_outcome []
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select (
      x.run_id, x.step_slug, x.task_index, o.result,
      pgflow._sub_flow_error(x.sub_run_id, c.result_schema_id, o.result)
    )::pgflow.item_outcome
    from unnest(p_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    join pgflow.step_states as ss
      on ss.run_id = d.run_id and ss.step_slug = d.step_slug and ss.status = 'started'
    join pgflow.sub_runs as x
      on x.run_id = d.run_id and x.step_slug = d.step_slug and x.task_index = d.task_index
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = d.step_slug
    join pgflow.contracts as c on c.contract_id = s.contract_id
    cross join lateral (
      select pgflow._run_output(x.sub_run_id, s.sub_step_slug) as result offset 0
    ) as o
  );
end;
$$;
