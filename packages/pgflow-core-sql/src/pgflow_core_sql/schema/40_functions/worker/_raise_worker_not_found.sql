-- _raise_worker_not_found: tell a worker that the engine does not count on it.
-- Called by: claim_tasks, beat.
-- Locks:     none.
-- Raises:    PF104.
-- Returns:   never.
create or replace function pgflow._raise_worker_not_found(p_worker_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF104',
    message = format('worker %s is not registered, or was declared dead', p_worker_id),
    detail = jsonb_build_object('worker_id', p_worker_id)::text,
    hint = 'call register_worker (again) and stop the handlers whose leases are lost';
end;
$$;
