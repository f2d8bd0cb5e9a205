-- _start_sub_flows: start the runs of sub-flows, one for each step; maps of them are of _start_map_wave.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that were skipped because their run could not be started, or nulls.
create or replace function pgflow._start_sub_flows(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_flow record;
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
begin
  for v_flow in
    with wanted as materialized (
      select
        n.run_id, n.step_slug, s.sub_flow_slug, r.owner, coalesce(r.depth, 0) + 1 as depth, a.payload,
        f.current_version, pgflow._check_sub_flow(s.sub_flow_slug, a.payload, coalesce(r.depth, 0) + 1) as error
      from unnest(p_steps) as n
      -- a run may have failed by another step of the wave
      join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
      join pgflow.steps as s
        on s.flow_slug = n.flow_slug and s.version = n.version and s.step_slug = n.step_slug
      join pgflow.step_inputs as i on i.contract_id = n.contract_id and i.parameter = 'payload'
      left join pgflow.flows as f on f.flow_slug = s.sub_flow_slug
      cross join lateral (
        select coalesce(
          pgflow._value_at(
            n.run_id, jsonb_build_object('source', i.source, 'step', i.from_step_slug, 'path', to_jsonb(i.path))
          ),
          'null'
        ) as payload
        offset 0
      ) as a
    ),
    states as (
      insert into pgflow.step_states (run_id, step_slug, started_at)
      select w.run_id, w.step_slug, v_now from wanted as w
    )
    select
      w.sub_flow_slug, w.current_version, w.error is null as is_fine,
      array_agg(w.run_id) as run_ids, array_agg(w.step_slug) as step_slugs, array_agg(w.error) as errors,
      array_agg(w.owner) as owners, array_agg(w.depth) as depths, array_agg(w.payload) as payloads
    from wanted as w
    group by w.sub_flow_slug, w.current_version, w.error is null
  loop
    if not v_flow.is_fine then
      v_failed_run_ids := v_failed_run_ids || v_flow.run_ids;
      v_failed_step_slugs := v_failed_step_slugs || v_flow.step_slugs;
      v_errors := v_errors || v_flow.errors;
      continue;
    end if;
    perform pgflow._open_sub_runs(
      v_flow.sub_flow_slug, v_flow.current_version, v_flow.run_ids, v_flow.step_slugs,
      array_fill(0, array[cardinality(v_flow.run_ids)]), v_flow.owners, v_flow.depths, v_flow.payloads
    );
  end loop;

  if v_failed_run_ids is not null then
    select array_agg(f.run_id), array_agg(f.step_slug) into run_ids, step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return next;
end;
$$;
