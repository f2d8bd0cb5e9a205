-- _gather_results: complete map steps with the list of the results of their tasks or sub-runs.
-- Called by: _complete_items, _gather_results, _advance_sub_flow_maps. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have completed, or were skipped: one whose list is more than a jsonb can hold
--            fails, as its policy says.
create or replace function pgflow._gather_results(p_run_ids uuid [], p_step_slugs text [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
begin
  begin
    update pgflow.step_states as s
    set
      status = 'completed',
      ended_at = v_now,
      step_result = (
        select jsonb_agg(r.result order by r.task_index)
        from pgflow.map_results as r
        where r.run_id = s.run_id and r.step_slug = s.step_slug
      )
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where s.run_id = n.run_id
      and s.step_slug = n.step_slug
      and s.status = 'started';
  exception
    when program_limit_exceeded then
      if cardinality(p_run_ids) > 1 then
        return query
        select g.run_id, g.step_slug
        from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
        cross join lateral pgflow._gather_results(array[n.run_id], array[n.step_slug]) as g;
      else
        return query
        select f.run_id, f.step_slug
        from pgflow._fail_steps(p_run_ids, p_step_slugs, array[jsonb_build_object(
          'code', 'PF607',
          'type', 'ResultTooLargeError',
          'message', 'the results of all items make a list that is larger than a jsonb can be: ' || sqlerrm
        )]) as f;
      end if;
      return;
  end;

  delete from pgflow.map_results as r
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where r.run_id = n.run_id and r.step_slug = n.step_slug;

  delete from pgflow.map_items as i
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where i.run_id = n.run_id and i.step_slug = n.step_slug;

  update pgflow.maps as m
  set completed_count = m.tasks_count - m.skipped_count, shared_args = null
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where m.run_id = n.run_id and m.step_slug = n.step_slug;

  return query
  select n.run_id, n.step_slug
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug);
end;
$$;
