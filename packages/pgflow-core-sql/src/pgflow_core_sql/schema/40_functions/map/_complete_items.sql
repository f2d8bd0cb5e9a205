-- _complete_items: keep the results of tasks of map steps, and complete the steps whose last these were.
-- The caller holds the locks of the runs and ended the leases in an earlier statement. A task is open as
-- long as it waits or is leased. Of each map one is noted above which none is open, in maps.open_index: as
-- long as that one is, the step is not complete, and two lookups tell it. Nothing is counted.
-- Called by: _complete_batch, _give_up.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have completed, or were skipped because their list cannot be.
create or replace function pgflow._complete_items(p_results pgflow.map_results [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  insert into pgflow.map_results (run_id, step_slug, task_index, result)
  select n.run_id, n.step_slug, n.task_index, n.result
  from unnest(p_results) as n;

  with moved as (
    update pgflow.maps as m
    set open_index = pgflow._open_index(m.run_id, m.step_slug, m.open_index)
    from (select distinct n.run_id, n.step_slug from unnest(p_results) as n) as r
    where m.run_id = r.run_id
      and m.step_slug = r.step_slug
      and not exists (
        select 1
        from pgflow.tasks as t
        where t.run_id = m.run_id and t.step_slug = m.step_slug and t.task_index = m.open_index
        offset 0
      )
      and not exists (
        select 1
        from pgflow.leases as l
        where l.run_id = m.run_id and l.step_slug = m.step_slug and l.task_index = m.open_index
        offset 0
      )
    returning m.run_id, m.step_slug, m.open_index
  )
  select array_agg(m.run_id), array_agg(m.step_slug) into v_run_ids, v_step_slugs
  from moved as m
  where m.open_index < 0;

  perform pgflow._notify_watchers(array_agg(distinct n.run_id)) from unnest(p_results) as n;
  if v_run_ids is not null then
    return query
    select g.run_id, g.step_slug from pgflow._gather_results(v_run_ids, v_step_slugs) as g;
  end if;
end;
$$;
