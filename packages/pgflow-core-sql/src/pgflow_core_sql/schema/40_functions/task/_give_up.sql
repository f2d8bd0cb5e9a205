-- _give_up: what follows from attempts that were the last: a null in the list of a map step that skips its
-- items, otherwise the step fails or is skipped (_fail_steps). Then start what may go on without them.
-- Called by: _end_attempts. The caller holds the locks of the runs and ended the leases in an earlier statement.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._give_up(p_attempts pgflow.ended_attempt []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_items pgflow.map_results[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
  v_special pgflow.ready_step[];
begin
  select
    array_agg((a.run_id, a.step_slug, a.task_index, 'null'::jsonb)::pgflow.map_results) filter (where k.is_item),
    array_agg(a.run_id order by a.step_slug, a.task_index) filter (where not k.is_item),
    array_agg(a.step_slug order by a.step_slug, a.task_index) filter (where not k.is_item),
    array_agg(a.error order by a.step_slug, a.task_index) filter (where not k.is_item)
  into v_items, v_failed_run_ids, v_failed_step_slugs, v_errors
  from unnest(p_attempts) as a
  cross join lateral (
    select s.kind = 'map' and s.on_failure = 'skip' as is_item
    from pgflow.runs as r
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = a.step_slug
    where r.run_id = a.run_id
    offset 0
  ) as k;

  if v_items is not null then
    update pgflow.maps as m
    set skipped_count = m.skipped_count + n.skipped_count
    from (
      select i.run_id, i.step_slug, count(*) as skipped_count
      from unnest(v_items) as i
      group by i.run_id, i.step_slug
    ) as n
    where m.run_id = n.run_id
      and m.step_slug = n.step_slug;
    select array_agg(c.run_id), array_agg(c.step_slug) into v_run_ids, v_step_slugs
    from pgflow._complete_items(v_items) as c;
  end if;
  if v_failed_run_ids is not null then
    select v_run_ids || array_agg(f.run_id), v_step_slugs || array_agg(f.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;

  if v_run_ids is not null then
    select r.special into v_special
    from pgflow._start_ready_steps(v_run_ids, v_step_slugs, null, 0, 0) as r;
    if v_special is not null then
      perform pgflow._start_special_steps(v_special);
    end if;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
  end if;
end;
$$;
