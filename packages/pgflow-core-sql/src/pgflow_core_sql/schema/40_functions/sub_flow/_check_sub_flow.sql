-- _check_sub_flow: why a step cannot start a run of its sub-flow, for an item if it is a map.
-- Called by: _start_sub_flows, _begin_sub_runs.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error that the step gets; null when it can. Code: PF630.
create or replace function pgflow._check_sub_flow(
  p_flow_slug text, p_payload jsonb, p_depth integer
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_deepest constant integer := 16;
  v_version record;
  v_errors jsonb;
  v_why text;
begin
  select v.payload_schema_id, v.max_payload_bytes into v_version
  from pgflow.flows as f
  join pgflow.flow_versions as v on v.flow_slug = f.flow_slug and v.version = f.current_version
  where f.flow_slug = p_flow_slug;
  if not found then
    v_why := 'there is no flow of that slug';
  elsif p_depth > c_deepest then
    v_why := format('runs may be inside each other %s deep', c_deepest);
  elsif pg_column_size(p_payload) > v_version.max_payload_bytes then
    v_why := format(
      'the payload takes %s bytes as jsonb; its budget is %s', pg_column_size(p_payload), v_version.max_payload_bytes
    );
  else
    v_errors := pgflow._check_value(v_version.payload_schema_id, p_payload);
    v_why := case when v_errors is not null then 'the payload does not fit: ' || pgflow._told(v_errors) end;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'code', 'PF630',
    'type', 'SubFlowError',
    'message', format('no run of flow %L was started: ', p_flow_slug) || v_why,
    'errors', v_errors
  ))
  where v_why is not null;
end;
$$;
