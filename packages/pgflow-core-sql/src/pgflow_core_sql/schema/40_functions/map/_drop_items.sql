-- _drop_items: forget items and results of the map steps of runs that end early, but not how many there were.
-- Called by: _end_runs. The caller holds the locks of the runs.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._drop_items(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with dropped as (
    delete from pgflow.map_results as r
    where r.run_id = any (p_run_ids)
    returning r.run_id, r.step_slug
  )
  update pgflow.maps as m
  set completed_count = d.completed_count - m.skipped_count
  from (
    select d.run_id, d.step_slug, count(*) as completed_count
    from dropped as d
    group by d.run_id, d.step_slug
  ) as d
  where m.run_id = d.run_id
    and m.step_slug = d.step_slug;

  delete from pgflow.map_items as i
  where i.run_id = any (p_run_ids);

  update pgflow.maps as m
  set shared_args = null
  where m.run_id = any (p_run_ids)
    and m.shared_args is not null;
end;
$$;
