-- _in_enum: whether an object or array is one of the values of an `enum`.
-- Called by: _walk, _walk_own_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer; numbers are equal when their values are, keys have no order.
create or replace function pgflow._in_enum(p_enum jsonb, p_value jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select exists (select 1 from jsonb_array_elements(p_enum) as e where e.value = p_value);
$$;
