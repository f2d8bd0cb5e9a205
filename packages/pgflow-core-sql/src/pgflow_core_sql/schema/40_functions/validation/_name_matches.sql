-- _name_matches: whether the name of a property matches a pattern of `patternProperties`.
-- Thousands of names and patterns meet in one query, in which nothing else looks at the clock.
-- Called by: _walk_more, _evaluated.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   the answer.
-- No `set search_path`, for the reason that _walk gives: without it, it is inlined.
create or replace function pgflow._name_matches(
  p_name text, p_pattern text, p_deadline timestamptz
) returns boolean
language sql volatile parallel safe
as $$
  select case
    when clock_timestamp() <= p_deadline then p_name ~ p_pattern
    else pgflow._raise_walk_limit()
  end;
$$;
