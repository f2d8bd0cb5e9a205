-- _predicate_not: a condition that holds where another does not, be it false or unknown.
-- Called by: _predicate, _predicate_array, _predicate_choice, _predicate_members.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition; null for null.
create or replace function pgflow._predicate_not(
  p_condition text,
  p_of text default '@'  -- what the condition is about
) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_condition = '' then pgflow._predicate_never()
    when p_condition = pgflow._predicate_never() then ''
    else '!exists(' || p_of || ' ? (' || p_condition || '))'
  end;
$$;
