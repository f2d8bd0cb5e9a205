-- _raise_walk_limit: the time for validating a value is up.
-- Called by: _walk, _name_matches.
-- Locks:     none.
-- Raises:    PFLIM always; _explain catches it.
-- Returns:   never.
create or replace function pgflow._raise_walk_limit() returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PFLIM',
    message = 'validating took too long',
    detail = '{}',
    hint = 'send less at once, or raise pgflow.validation_deadline_ms';
end;
$$;
