-- _tell_parents: let the runs that have started these, which have ended, know it, if they still wait for them.
-- By a timer that is due, not at once: a run and its parent are never locked in one transaction, whose
-- order of locks would depend on who started whom.
-- Called by: _complete_runs, _end_runs.
-- Locks:     the queue of notifications, at commit.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._tell_parents(p_sub_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
  select r.parent_run_id, r.parent_step_slug, 'sub_flow', pgflow._now(), r.parent_task_index
  from pgflow.runs as r
  cross join lateral (
    select 1
    from pgflow.sub_runs as s
    where s.run_id = r.parent_run_id
      and s.step_slug = r.parent_step_slug
      and s.task_index = r.parent_task_index
      and s.is_open
    offset 0
  ) as s
  where r.run_id = any (p_sub_run_ids)
  on conflict do nothing;
  if found then
    perform pgflow._announce_timers(pgflow._now());
  end if;
end;
$$;
