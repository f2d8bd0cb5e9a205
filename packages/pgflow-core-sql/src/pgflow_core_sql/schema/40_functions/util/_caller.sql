-- _caller: the role that called, also from within a security definer function.
-- `set role` changes the setting `role`, which a definer function leaves alone; without it the
-- login role is the caller.
-- Called by: _current_owner, _is_admin, _sees_all.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the name of the role.
create or replace function pgflow._caller() returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name;
$$;
