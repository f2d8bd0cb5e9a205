-- _misfit: why a value of a run would not be accepted by another version.
-- Called by: _upgrade_problems.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when it fits; else what was asked about and the first error.
create or replace function pgflow._misfit(p_what text, p_schema_id bytea, p_value jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('%s does not fit: %s', p_what, pgflow._told(e.errors))
  from (select pgflow._check_value(p_schema_id, p_value) as errors offset 0) as e
  where e.errors is not null;
$$;
