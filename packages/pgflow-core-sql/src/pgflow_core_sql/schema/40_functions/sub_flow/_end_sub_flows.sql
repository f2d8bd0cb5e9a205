-- _end_sub_flows: complete or fail the steps whose sub-runs have ended, by how these ended. Maps of them go on.
-- Called by: _fire_timers, which holds the locks of the parents.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_sub_flows(p_due pgflow.timers []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_skipped record;
  v_of_maps pgflow.timers[];
begin
  update pgflow.sub_runs as x
  set is_open = false
  from unnest(p_due) as d
  where x.run_id = d.run_id
    and x.step_slug = d.step_slug
    and x.task_index = d.task_index
    and x.is_open;

  with ended as materialized (
    select d.run_id, d.step_slug, o.result, pgflow._sub_flow_error(x.sub_run_id, c.result_schema_id, o.result) as error
    from unnest(p_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    join pgflow.step_states as s
      on s.run_id = d.run_id and s.step_slug = d.step_slug and s.status = 'started'
    join pgflow.steps as p
      on p.flow_slug = r.flow_slug and p.version = r.version and p.step_slug = d.step_slug
    join pgflow.contracts as c on c.contract_id = p.contract_id and c.over_source is null
    join pgflow.sub_runs as x on x.run_id = d.run_id and x.step_slug = d.step_slug and x.task_index = 0
    cross join lateral (
      select pgflow._run_output(x.sub_run_id, p.sub_step_slug) as result offset 0
    ) as o
  ),
  states as (
    update pgflow.step_states as s
    set status = 'completed', step_result = e.result, ended_at = v_now
    from ended as e
    where s.run_id = e.run_id
      and s.step_slug = e.step_slug
      and e.error is null
  )
  select
    array_agg(e.run_id) filter (where e.error is null),
    array_agg(e.step_slug) filter (where e.error is null),
    array_agg(e.run_id) filter (where e.error is not null),
    array_agg(e.step_slug) filter (where e.error is not null),
    array_agg(e.error) filter (where e.error is not null)
  into v_run_ids, v_step_slugs, v_failed_run_ids, v_failed_step_slugs, v_errors
  from ended as e;

  if v_failed_run_ids is not null then
    select array_agg(f.run_id) as run_ids, array_agg(f.step_slug) as step_slugs into v_skipped
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
    v_run_ids := v_run_ids || v_skipped.run_ids;
    v_step_slugs := v_step_slugs || v_skipped.step_slugs;
  end if;

  select array_agg(d) into v_of_maps
  from unnest(p_due) as d
  where exists (select 1 from pgflow.maps as m where m.run_id = d.run_id and m.step_slug = d.step_slug offset 0);
  if v_of_maps is not null then
    select v_run_ids || array_agg(m.run_id), v_step_slugs || array_agg(m.step_slug) into v_run_ids, v_step_slugs
    from pgflow._advance_sub_flow_maps(v_of_maps) as m;
  end if;
  if v_run_ids is not null then
    perform pgflow._advance_runs(v_run_ids, v_step_slugs);
  end if;
end;
$$;
