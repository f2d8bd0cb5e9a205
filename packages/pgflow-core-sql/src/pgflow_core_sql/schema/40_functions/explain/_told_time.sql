-- _told_time: a time for messages, whatever the time zone of the session.
-- Called by: _explain_leases, _explain_waits, _explain_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time in UTC, to the second.
create or replace function pgflow._told_time(p_at timestamptz) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"');
$$;
