-- _contains: whether a list has an item that is equal, or a text a part.
-- Not the operator `@>`, for which [1, 2] is within [[1, 2, 3]], and an object within a larger one.
-- Called by: _condition_holds.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false; false for what is neither list nor text.
create or replace function pgflow._contains(p_whole jsonb, p_part jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case jsonb_typeof(p_whole)
    when 'array' then exists (select 1 from jsonb_array_elements(p_whole) as e where e.value = p_part)
    when 'string' then jsonb_typeof(p_part) = 'string'
      and strpos((p_whole #>> '{}') collate "C", (p_part #>> '{}') collate "C") > 0
    else false
  end;
$$;
