-- _validation_deadline_ms: for how long one value may be validated.
-- Called by: _explain.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the setting pgflow.validation_deadline_ms of the session, role or database; else 2000.
create or replace function pgflow._validation_deadline_ms() returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    substring(current_setting('pgflow.validation_deadline_ms', true) from '^[0-9]{1,8}$')::integer, 2000
  );
$$;
