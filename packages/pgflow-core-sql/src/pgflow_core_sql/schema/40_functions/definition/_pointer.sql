-- _pointer: the JSON pointer (RFC 6901) of a member of what p_at points to.
-- Called by: _check_failure_handler, _check_map, _check_options, _check_step, _link_keywords, _link_schema,
--            _no_list_error, _schema_resources, _under.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the pointer.
create or replace function pgflow._pointer(p_at text, p_key text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_at || '/' || replace(replace(p_key, '~', '~0'), '/', '~1');
$$;
