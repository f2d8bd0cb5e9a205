-- breaking_version: the highest migration that older workers and clients must not work with.
-- Called by: worker and client at their start.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number of the migration; 0 when there is none.
create or replace function pgflow.breaking_version() returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(m.number) filter (where m.breaking), 0) from pgflow.migrations as m;
$$;
