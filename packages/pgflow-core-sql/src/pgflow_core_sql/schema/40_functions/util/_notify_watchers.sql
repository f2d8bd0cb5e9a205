-- _notify_watchers: tell the clients that watch one of these runs to look again.
-- Called by: every function that changes runs.
-- Locks:     the queue of notifications, at commit, when somebody watches.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._notify_watchers(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('pgflow_run_' || replace(w.run_id::text, '-', ''), '')
  from pgflow.watches as w
  where w.run_id = any (p_run_ids)
    and w.watched_until > pgflow._now();
end;
$$;
