-- _predicate_never: the condition that holds for no value.
-- Called by: every function that makes predicates.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition.
create or replace function pgflow._predicate_never() returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '(1 == 0)';
$$;
