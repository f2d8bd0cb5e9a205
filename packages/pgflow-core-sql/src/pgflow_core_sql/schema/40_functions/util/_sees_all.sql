-- _sees_all: whether the caller may see the runs of every owner.
-- Called by: list_runs, may_see.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true for pgflow_viewer and for pgflow_admin.
create or replace function pgflow._sees_all() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(pgflow._caller(), 'pgflow_viewer', 'member') or pgflow._is_admin();
$$;
