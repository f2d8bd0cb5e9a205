-- _begin_sub_runs: begin the next sub-runs of maps of sub-flows, as many as may be open.
-- At most a thousand in one call, so that its transaction stays short however many maps go on at once; each
-- gets its share.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   the items for which no run could be started, with the error. When the step fails by that, none
--            of its others was begun either.
create or replace function pgflow._begin_sub_runs(
  p_run_ids uuid [], p_step_slugs text []
) returns setof pgflow.item_outcome
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  c_most constant integer := 1000;
  v_share integer := greatest(c_most / cardinality(p_run_ids), 1);
  v_flow record;
begin
  for v_flow in
    with step as materialized (
      select
        n.run_id, n.step_slug, r.owner, coalesce(r.depth, 0) + 1 as depth, s.sub_flow_slug, s.on_failure,
        f.current_version, i.path, m.begun_count as first_index,
        m.begun_count
          + least(v_share, pgflow._most_sub_runs() - o.open_count, m.tasks_count - m.begun_count) as end_index
      from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
      join pgflow.runs as r on r.run_id = n.run_id
      join pgflow.maps as m on m.run_id = n.run_id and m.step_slug = n.step_slug
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
      join pgflow.step_inputs as i on i.contract_id = s.contract_id and i.parameter = 'payload'
      left join pgflow.flows as f on f.flow_slug = s.sub_flow_slug
      cross join lateral (
        select count(*)::integer as open_count
        from pgflow.sub_runs as x
        where x.run_id = n.run_id and x.step_slug = n.step_slug and x.is_open
        offset 0
      ) as o
    ),
    noted as (
      update pgflow.maps as m
      set begun_count = s.end_index
      from step as s
      where m.run_id = s.run_id
        and m.step_slug = s.step_slug
        and s.end_index > s.first_index
    ),
    wanted as materialized (
      select s.*, p.task_index, p.payload, pgflow._check_sub_flow(s.sub_flow_slug, p.payload, s.depth) as error
      from step as s
      cross join lateral (
        select i.task_index, coalesce(i.item #> s.path, 'null') as payload
        from pgflow.map_items as i
        where i.run_id = s.run_id
          and i.step_slug = s.step_slug
          and i.task_index >= s.first_index
          and i.task_index < s.end_index
        offset 0
      ) as p
    ),
    judged as (
      select
        w.*,
        w.on_failure <> 'skip' and bool_or(w.error is not null) over (partition by w.run_id, w.step_slug) as is_lost
      from wanted as w
    )
    select
      j.sub_flow_slug, j.current_version, j.error is null as is_fine,
      array_agg(j.run_id) as run_ids, array_agg(j.step_slug) as step_slugs,
      array_agg(j.task_index) as task_indexes, array_agg(j.error) as errors,
      array_agg(j.owner) as owners, array_agg(j.depth) as depths, array_agg(j.payload) as payloads
    from judged as j
    where j.error is not null or not j.is_lost
    group by j.sub_flow_slug, j.current_version, j.error is null
  loop
    if v_flow.is_fine then
      perform pgflow._open_sub_runs(
        v_flow.sub_flow_slug, v_flow.current_version, v_flow.run_ids, v_flow.step_slugs, v_flow.task_indexes,
        v_flow.owners, v_flow.depths, v_flow.payloads
      );
    else
      return query
      select n.run_id, n.step_slug, n.task_index, null::jsonb, n.error
      from unnest(v_flow.run_ids, v_flow.step_slugs, v_flow.task_indexes, v_flow.errors)
        as n (run_id, step_slug, task_index, error);
    end if;
  end loop;
end;
$$;
