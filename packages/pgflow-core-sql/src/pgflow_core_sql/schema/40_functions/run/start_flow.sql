-- start_flow: start one run; it exists when the caller's transaction commits, and begins then or later.
-- Called by: clients.
-- Locks:     none; everything is new.
-- Raises:    PF101 unknown flow; PF202 the payload does not fit; PF210 it is too large; PF212 a
--            limit was hit; PF303 the run id is taken; PF401 not startable.
-- Returns:   the run id: the given one, else a new UUIDv7.
create or replace function pgflow.start_flow(
  p_flow_slug text,
  p_payload jsonb,
  p_run_id uuid default null,  -- chosen by the caller, so that a repeated start is noticed
  p_start_at timestamptz default null  -- when its first steps start; now unless given
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version integer := pgflow._check_startable(p_flow_slug);
  v_run_id uuid := coalesce(p_run_id, pgflow._uuid_v7());
begin
  perform pgflow._check_payloads(p_flow_slug, v_version, array[p_payload]);
  if pgflow._start_runs(p_flow_slug, v_version, array[v_run_id], array[p_payload], p_start_at) < 1 then
    perform pgflow._raise_run_id_taken(v_run_id);
  end if;
  return v_run_id;
end;
$$;
