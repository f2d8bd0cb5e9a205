-- beat: a worker says that it lives.
-- Called by: worker, from a thread of its own.
-- Locks:     the row of the worker.
-- Raises:    PF104 unknown, stopped or declared dead: register again.
-- Returns:   nothing.
create or replace function pgflow.beat(p_worker_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflow.workers as w
  set last_beat_at = pgflow._now()
  where w.worker_id = p_worker_id
    and w.status = 'running';
  if not found then
    perform pgflow._raise_worker_not_found(p_worker_id);
  end if;
end;
$$;
