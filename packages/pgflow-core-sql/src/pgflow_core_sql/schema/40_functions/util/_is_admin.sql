-- _is_admin: whether the caller may do everything; superusers may, and who owns the schema.
-- Called by: _check_startable, send_signal, cancel_run, _sees_all.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   membership of the caller in pgflow_admin or in the role that ran the migrations.
create or replace function pgflow._is_admin() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(pgflow._caller(), 'pgflow_admin', 'member')
    or pg_has_role(
      pgflow._caller(),
      (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'pgflow'),
      'member'
    );
$$;
