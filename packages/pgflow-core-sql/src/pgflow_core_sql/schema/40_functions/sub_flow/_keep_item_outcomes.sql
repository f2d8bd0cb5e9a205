-- _keep_item_outcomes: keep what items of maps of sub-flows came to: results, and null for those that may fail.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   the steps that fail by it, each with the error of the first of its items.
create or replace function pgflow._keep_item_outcomes(p_outcomes pgflow.item_outcome [])
returns table (run_id uuid, step_slug text, error jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with outcome as materialized (
    select o.run_id, o.step_slug, o.task_index, o.result, o.error, s.may_skip
    from unnest(p_outcomes) as o
    cross join lateral (
      select s.on_failure = 'skip' as may_skip
      from pgflow.runs as r
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = o.step_slug
      where r.run_id = o.run_id
      offset 0
    ) as s
  ),
  kept as (
    insert into pgflow.map_results (run_id, step_slug, task_index, result)
    select o.run_id, o.step_slug, o.task_index, case when o.error is null then o.result else 'null' end
    from outcome as o
    where o.error is null or o.may_skip
  ),
  counted as (
    update pgflow.maps as m
    set skipped_count = m.skipped_count + n.skipped_count
    from (
      select o.run_id, o.step_slug, count(*) as skipped_count
      from outcome as o
      where o.error is not null and o.may_skip
      group by o.run_id, o.step_slug
    ) as n
    where m.run_id = n.run_id
      and m.step_slug = n.step_slug
  )
  select distinct on (o.run_id, o.step_slug)
    o.run_id, o.step_slug, o.error || jsonb_build_object('task_index', o.task_index)
  from outcome as o
  where o.error is not null and not o.may_skip
  order by o.run_id, o.step_slug, o.task_index;
end;
$$;
