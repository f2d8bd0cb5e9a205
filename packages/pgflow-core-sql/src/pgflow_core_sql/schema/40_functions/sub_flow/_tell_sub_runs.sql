-- _tell_sub_runs: let what these runs, or some steps of them, have started end as well: they have ended early.
-- By timers, as _tell_parents says.
-- Called by: _end_runs, _end_map_steps.
-- Locks:     the queue of notifications, at commit, when there is any.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._tell_sub_runs(
  p_run_ids uuid [],
  p_step_slugs text [] default null  -- of each run, which step has ended; null: all
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  with told as (
    update pgflow.sub_runs as s
    set is_open = false
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where s.run_id = n.run_id
      and s.step_slug = coalesce(n.step_slug, s.step_slug)
      and s.is_open
    returning s.sub_run_id
  )
  insert into pgflow.timers (run_id, step_slug, kind, due_at)
  select t.sub_run_id, '', 'parent', pgflow._now()
  from told as t
  on conflict do nothing;
  if found then
    perform pgflow._announce_timers(pgflow._now());
  end if;
end;
$$;
