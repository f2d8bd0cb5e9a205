-- _check_startable: find the version that a new run of a flow gets, or say why there is none.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF101 unknown flow; PF401 the flow is not marked as startable by clients.
-- Returns:   the current version.
create or replace function pgflow._check_startable(p_flow_slug text) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow record;
begin
  select f.current_version, f.client_startable into v_flow
  from pgflow.flows as f
  where f.flow_slug = p_flow_slug;
  if not found then
    raise exception using
      errcode = 'PF101',
      message = format('there is no flow %L', p_flow_slug),
      detail = jsonb_build_object('flow_slug', p_flow_slug)::text,
      hint = 'deploy it first: pgflow deploy';
  end if;
  if not (v_flow.client_startable or pgflow._is_admin()) then
    raise exception using
      errcode = 'PF401',
      message = format('flow %L may not be started by clients', p_flow_slug),
      detail = jsonb_build_object('flow_slug', p_flow_slug)::text,
      hint = 'write Flow(..., client_startable=True) and deploy again, or start it as pgflow_admin';
  end if;
  return v_flow.current_version;
end;
$$;
