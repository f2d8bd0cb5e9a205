-- may_see: whether the caller may see a run of this owner.
-- Called by: the row-level security policies, get_run, watch_run, cancel_run, explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true for the owner, for pgflow_viewer and for pgflow_admin.
create or replace function pgflow.may_see(p_owner text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select p_owner = pgflow._current_owner() or pgflow._sees_all();
$$;
