-- _is_silent: whether a running worker missed three beats.
-- Not one: a slow commit or a pause of the garbage collector is no death.
-- Called by: _explain_leases, _is_served, _overdue_leases, sweep.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true when it must be taken for dead.
create or replace function pgflow._is_silent(
  p_last_beat_at timestamptz, p_beat_seconds double precision
) returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select p_last_beat_at < pgflow._now() - make_interval(secs => 3 * p_beat_seconds);
$$;
