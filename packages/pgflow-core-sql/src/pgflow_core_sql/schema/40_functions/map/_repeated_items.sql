-- _repeated_items: which reports of a batch repeat an accepted result of a task of a map step.
-- The whole list is read once for all reports of one step.
-- Called by: _outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   their ordinals, or null.
create or replace function pgflow._repeated_items(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns integer []
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with asked as materialized (
      select n.run_id, n.step_slug, n.task_index, n.result, n.ordinal
      from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
        with ordinality as n (run_id, step_slug, task_index, lease_id, result, ordinal)
      cross join lateral (
        select 1 from pgflow.maps as m where m.run_id = n.run_id and m.step_slug = n.step_slug offset 0
      ) as m
      cross join lateral (
        select 1
        from pgflow.attempt_log as a
        where a.run_id = n.run_id
          and a.step_slug = n.step_slug
          and a.task_index = n.task_index
          and a.lease_id = n.lease_id
          and a.outcome = 'completed'
        offset 0
      ) as a
    ),
    gathered as materialized (
      -- `||` makes a value in memory of what would be read from TOAST again for each report
      select d.run_id, d.step_slug, s.step_result || '[]' as list
      from (select distinct a.run_id, a.step_slug from asked as a) as d
      cross join lateral (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = d.run_id and s.step_slug = d.step_slug and s.status = 'completed'
        offset 0
      ) as s
    )
    select array_agg(a.ordinal::integer)
    from asked as a
    left join gathered as g on g.run_id = a.run_id and g.step_slug = a.step_slug
    where a.result = coalesce(
      g.list -> a.task_index,
      (
        select r.result
        from pgflow.map_results as r
        where r.run_id = a.run_id and r.step_slug = a.step_slug and r.task_index = a.task_index
      )
    )
  );
end;
$$;
