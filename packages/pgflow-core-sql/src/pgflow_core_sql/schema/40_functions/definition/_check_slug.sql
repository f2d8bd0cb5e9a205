-- _check_slug: refuse a JSON value that is not a slug.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF201.
-- Returns:   nothing.
create or replace function pgflow._check_slug(p_value jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_value) is distinct from 'string' or not pgflow._is_slug(p_value #>> '{}') then
    perform pgflow._raise_manifest_invalid(
      'PF201',
      p_at,
      format(
        '%s is not a slug: letters, digits and underscores, not starting with a digit, '
        '1 to 128 characters, not "run"',
        coalesce(left(p_value::text, 200), 'nothing')
      )
    );
  end if;
end;
$$;
