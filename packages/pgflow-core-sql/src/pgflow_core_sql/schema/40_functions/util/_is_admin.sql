-- _is_admin: whether the caller may do everything; superusers may.
-- Called by: start_flow, start_flows, cancel_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   membership of the caller in pgflow_admin.
create or replace function pgflow._is_admin() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(pgflow._caller(), 'pgflow_admin', 'member');
$$;
