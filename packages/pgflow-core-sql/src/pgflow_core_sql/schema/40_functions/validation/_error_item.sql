-- _error_item: an error report of one error.
-- Called by: every function that reports what does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   array of {at, keyword, message}.
create or replace function pgflow._error_item(
  p_at text,  -- JSON pointer
  p_keyword text,
  p_message text
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(
    jsonb_build_object('at', p_at, 'keyword', p_keyword, 'message', p_message)
  );
$$;
