-- start_flows: start a run for each payload, all in one go.
-- Called by: clients.
-- Locks:     none; everything is new.
-- Raises:    PF101 unknown flow; PF202 a payload does not fit; PF210 one is too large; PF212 a limit
--            was hit; PF303 a new run id is taken, which 74 random bits make all but impossible;
--            PF401 not startable.
-- Returns:   the run ids, in the order of the payloads.
create or replace function pgflow.start_flows(
  p_flow_slug text, p_payloads jsonb []
) returns uuid []
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version integer := pgflow._check_startable(p_flow_slug);
  v_run_ids uuid[];
begin
  perform pgflow._check_payloads(p_flow_slug, v_version, p_payloads);
  v_run_ids := array(
    select pgflow._uuid_v7() from generate_series(1, cardinality(p_payloads))
  );
  if pgflow._start_runs(p_flow_slug, v_version, v_run_ids, p_payloads) < cardinality(v_run_ids) then
    perform pgflow._raise_run_id_taken(v_run_ids[1]);
  end if;
  return v_run_ids;
end;
$$;
