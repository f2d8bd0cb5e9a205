-- _show: a value as error messages show it: 60 characters of a scalar, of all else only the type.
-- The text of a number can be long (1e131000 is 131 kB), that of an object as long as memory lasts.
-- Called by: every function that reports what does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text.
create or replace function pgflow._show(p_value jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_value) = 'object' then 'an object'
    when jsonb_typeof(p_value) = 'array' then 'an array'
    when coalesce(length(p_value #>> '{}'), 0) <= 60 then p_value::text  -- null has no text
    when jsonb_typeof(p_value) = 'string' then to_jsonb(left(p_value #>> '{}', 60) || '…')::text
    else left(p_value #>> '{}', 60) || '…'
  end;
$$;
