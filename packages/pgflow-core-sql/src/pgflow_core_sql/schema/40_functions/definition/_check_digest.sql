-- _check_digest: refuse a JSON value that is not a sha256 in hexadecimal digits.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF206.
-- Returns:   nothing.
create or replace function pgflow._check_digest(p_value jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_value) is distinct from 'string' or p_value #>> '{}' !~ '^[0-9a-f]{64}$' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, 'must be a sha256 in 64 lower-case hexadecimal digits'
    );
  end if;
end;
$$;
