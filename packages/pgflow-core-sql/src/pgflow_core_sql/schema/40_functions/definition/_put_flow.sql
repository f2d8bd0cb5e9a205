-- _put_flow: store one checked flow.
-- Called by: deploy.
-- Locks:     the rows of the flow.
-- Raises:    PF304 same digest, other graph or other schemas.
-- Returns:   its version and what happened.
create or replace function pgflow._put_flow(p_flow jsonb)
returns table (version integer, outcome text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_version integer;
  v_outcome text;
  v_slug text := p_flow ->> 'slug';
  v_current integer;
  v_changed boolean;
begin
  select f.current_version into v_current
  from pgflow.flows as f
  where f.flow_slug = v_slug
  for update;

  select v.version into v_version
  from pgflow.flow_versions as v
  where v.flow_slug = v_slug
    and v.digest = p_flow ->> 'digest';
  if v_version is null then
    select coalesce(max(v.version), 0) + 1 into v_version
    from pgflow.flow_versions as v
    where v.flow_slug = v_slug;
    v_outcome := case when v_current is null then 'created' else 'new_version' end;
  else
    perform pgflow._check_same_graph(p_flow, v_version);
    v_outcome := case when v_version = v_current then 'unchanged' else 'restored' end;
  end if;

  perform pgflow._check_same_schemas(p_flow);

  insert into pgflow.flows as f (flow_slug, description, client_startable, current_version)
  values (
    v_slug,
    coalesce(p_flow ->> 'description', ''),
    coalesce((p_flow ->> 'client_startable')::boolean, false),
    v_version
  )
  on conflict (flow_slug) do update
    set description = excluded.description,
      client_startable = excluded.client_startable,
      current_version = excluded.current_version
    where (f.description, f.client_startable, f.current_version)
      is distinct from (excluded.description, excluded.client_startable, excluded.current_version);
  v_changed := found;

  insert into pgflow.flow_versions as v (
    flow_slug, version, digest, definition, payload_schema, payload_schema_id, max_payload_bytes,
    deadline_seconds
  )
  values (
    v_slug,
    v_version,
    p_flow ->> 'digest',
    p_flow,
    p_flow -> 'payload_schema',
    pgflow._schema_id(p_flow -> 'payload_schema'),
    coalesce((p_flow #>> '{options,max_payload_bytes}')::numeric::integer, 4194304),
    (p_flow #>> '{options,deadline_seconds}')::double precision
  )
  on conflict (flow_slug, version) do update
    set payload_schema = excluded.payload_schema,
      payload_schema_id = excluded.payload_schema_id,
      max_payload_bytes = excluded.max_payload_bytes,
      deadline_seconds = excluded.deadline_seconds
    where (v.payload_schema, v.max_payload_bytes, v.deadline_seconds)
      is distinct from (excluded.payload_schema, excluded.max_payload_bytes, excluded.deadline_seconds);
  v_changed := found or v_changed;

  -- By itself: what only the definition tells, such as the names of inferred types, is no change.
  update pgflow.flow_versions as v
  set definition = p_flow
  where v.flow_slug = v_slug
    and v.version = v_version
    and v.definition <> p_flow;

  v_changed := pgflow._put_contracts(p_flow) or v_changed;
  v_changed := pgflow._put_steps(p_flow, v_version) or v_changed;
  if v_outcome = 'unchanged' and v_changed then
    v_outcome := 'options_changed';
  end if;
  return query select v_version, v_outcome;
end;
$$;
