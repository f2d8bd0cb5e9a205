-- _most_sub_runs: how many sub-runs of one map are open at the same time; the others begin as these end.
-- Called by: _begin_sub_runs, _sub_flow_maps_done.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number.
create or replace function pgflow._most_sub_runs() returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 1000;
$$;
