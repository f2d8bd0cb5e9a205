-- _sub_flow_error: what is wrong about a sub-run that has ended.
-- Called by: _end_sub_flows, _sub_run_outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error that the step gets; null when the run has completed with a result that fits.
create or replace function pgflow._sub_flow_error(
  p_sub_run_id uuid, p_schema_id bytea, p_result jsonb
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  select r.flow_slug, r.status, r.error into strict v_run
  from pgflow.runs as r
  where r.run_id = p_sub_run_id;
  if v_run.status = 'completed' then
    -- The sub-flow may be newer than the step that was compiled with it.
    return pgflow._result_error(pgflow._check_value(p_schema_id, p_result));
  end if;
  return jsonb_build_object(
    'code', 'PF630',
    'type', 'SubFlowError',
    'message', format(
      'run %s of flow %L has %s: %s', p_sub_run_id, v_run.flow_slug,
      case v_run.status when 'cancelled' then 'been cancelled' else v_run.status end,
      coalesce(v_run.error ->> 'reason', v_run.error ->> 'message')
    ),
    'sub_run_id', p_sub_run_id,
    'error', v_run.error
  );
end;
$$;
