-- _current_owner: on whose behalf the caller acts.
-- Called by: _start_runs, send_signal, cancel_run, list_runs, may_see.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the subject of the JWT when the login role is a trusted gateway, else the caller.
create or replace function pgflow._current_owner() returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      from pgflow.gateways as g
      where g.role_name = session_user
    ),
    pgflow._caller()::text
  );
$$;
