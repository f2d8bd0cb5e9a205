-- _tell_sub_runs: let what these runs, which have ended early, have started end as well.
-- By timers, as _tell_parents says.
-- Called by: _end_runs.
-- Locks:     the queue of notifications, at commit, when there is any.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._tell_sub_runs(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pgflow.timers (run_id, step_slug, kind, due_at)
  select s.sub_run_id, '', 'parent', pgflow._now()
  from pgflow.sub_runs as s
  where s.run_id = any (p_run_ids)
  on conflict do nothing;
  if found then
    perform pgflow._announce_timers(pgflow._now());
  end if;
end;
$$;
