-- _members: the properties of an object, or the items of an array by their index.
-- Called by: _walk_combined, _evaluated.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for each.
create or replace function pgflow._members(p_value jsonb)
returns table (key text, value jsonb)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select e.key, e.value
  from jsonb_each(case jsonb_typeof(p_value) when 'object' then p_value else '{}' end) as e
  union all
  select (e.ordinality - 1)::text, e.value
  from jsonb_array_elements(case jsonb_typeof(p_value) when 'array' then p_value else '[]' end)
    with ordinality as e;
$$;
