-- _sub_flow_maps_done: which maps of sub-flows have an end of each item; those that may begin more get a timer.
-- Of those that fail, neither.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     the queue of notifications, at commit, when there are further ones to begin.
-- Raises:    nothing.
-- Returns:   one row: the steps that are done, or nulls.
create or replace function pgflow._sub_flow_maps_done(
  p_run_ids uuid [], p_step_slugs text [], p_failed_run_ids uuid [], p_failed_step_slugs text []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_has_more boolean;
begin
  with map as materialized (
    select n.run_id, n.step_slug, m.begun_count = m.tasks_count as has_begun, o.open_count
    from (
      select n.run_id, n.step_slug from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
      except
      select f.run_id, f.step_slug from unnest(p_failed_run_ids, p_failed_step_slugs) as f (run_id, step_slug)
    ) as n
    join pgflow.maps as m on m.run_id = n.run_id and m.step_slug = n.step_slug
    cross join lateral (
      select count(*) as open_count
      from pgflow.sub_runs as x
      where x.run_id = n.run_id and x.step_slug = n.step_slug and x.is_open
      offset 0
    ) as o
  ),
  more as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
    select m.run_id, m.step_slug, 'sub_flow', v_now, -1
    from map as m
    where not m.has_begun and m.open_count < pgflow._most_sub_runs()
    on conflict do nothing
    returning true
  )
  select
    array_agg(m.run_id) filter (where m.has_begun and m.open_count = 0),
    array_agg(m.step_slug) filter (where m.has_begun and m.open_count = 0),
    exists (select 1 from more)
  into run_ids, step_slugs, v_has_more
  from map as m;
  if v_has_more then
    perform pgflow._announce_timers(v_now);
  end if;
  return next;
end;
$$;
