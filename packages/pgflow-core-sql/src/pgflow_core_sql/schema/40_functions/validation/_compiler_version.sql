-- _compiler_version: which compiler wrote a row of pgflow.schemas.
-- Whoever changes what _compile_schema makes of a schema raises it, and calls _recompile_schemas in
-- the migration.
-- Called by: _put_schema, _recompile_schemas.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the version of the compiler that this database has.
create or replace function pgflow._compiler_version() returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 1;
$$;
