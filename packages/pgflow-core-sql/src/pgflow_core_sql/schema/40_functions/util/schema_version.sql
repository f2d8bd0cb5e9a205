-- schema_version: the highest migration that this database has.
-- Called by: worker and client at their start, the CLI.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number of the migration.
create or replace function pgflow.schema_version() returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select max(m.number) from pgflow.migrations as m;
$$;
