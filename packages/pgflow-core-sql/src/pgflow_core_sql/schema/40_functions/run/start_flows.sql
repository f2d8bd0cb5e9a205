-- start_flows: start a run for each payload, all in one go.
-- Called by: clients.
-- Locks:     none; everything is new.
-- Raises:    PF101 unknown flow; PF202 a payload is null; PF303 a new run id is taken, which 74
--            random bits make all but impossible; PF401 not startable.
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
  v_null_at integer := array_position(p_payloads, null);
begin
  if v_null_at is not null then
    raise exception using
      errcode = 'PF202',
      message = format('payload %s of flow %L is SQL null', v_null_at, p_flow_slug),
      detail = jsonb_build_object('flow_slug', p_flow_slug, 'ordinal', v_null_at)::text,
      hint = $hint$pass a JSON value; JSON null is 'null'::jsonb$hint$;
  end if;
  v_run_ids := array(
    select pgflow._uuid_v7() from generate_series(1, cardinality(p_payloads))
  );
  perform pgflow._start_runs(p_flow_slug, v_version, v_run_ids, p_payloads);
  return v_run_ids;
end;
$$;
