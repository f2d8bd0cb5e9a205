-- _check_payloads: hold payloads against budget and payload schema of their flow.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF202 a payload does not fit or is SQL null; PF210 too large; PF212 a limit was hit.
-- Returns:   nothing.
create or replace function pgflow._check_payloads(
  p_flow_slug text, p_version integer, p_payloads jsonb []
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_schema_id bytea;
  v_max_bytes integer;
  v_predicate jsonpath;
  v_free_bytes integer;
  v_found record;
  v_what text;
  v_detail jsonb;
begin
  select v.payload_schema_id, v.max_payload_bytes, s.predicate, s.residual_free_bytes
  into v_schema_id, v_max_bytes, v_predicate, v_free_bytes
  from pgflow.flow_versions as v
  join pgflow.schemas as s on s.schema_id = v.payload_schema_id
  where v.flow_slug = p_flow_slug
    and v.version = p_version;

  -- Most runs are started alone, with what fits: half the time of the statement below.
  if cardinality(p_payloads) = 1
    and pg_column_size(p_payloads[1]) <= v_max_bytes
    and pg_column_size(p_payloads[1]) <= v_free_bytes
    and p_payloads[1] @? v_predicate
  then
    return;
  end if;

  select n.payload, n.ordinal, n.bytes, k.errors into v_found
  from (
    select u.*, pg_column_size(u.payload) as bytes
    from unnest(p_payloads) with ordinality as u (payload, ordinal)
    offset 0
  ) as n
  cross join lateral (
    -- as in _check_results, what fits at once costs no call
    select case
      when n.bytes > v_max_bytes or n.bytes <= v_free_bytes and n.payload @? v_predicate then null
      else pgflow._check_value(v_schema_id, n.payload)
    end as errors
    offset 0
  ) as k
  where n.payload is null
    or n.bytes > v_max_bytes
    or k.errors is not null
  limit 1;
  if not found then
    return;
  end if;

  v_what := format('the payload of flow %L', p_flow_slug);
  v_detail := jsonb_build_object('flow_slug', p_flow_slug);
  if cardinality(p_payloads) > 1 then
    v_what := format('payload %s of flow %L', v_found.ordinal, p_flow_slug);
    v_detail := v_detail || jsonb_build_object('ordinal', v_found.ordinal);
  end if;
  if v_found.payload is null then
    raise exception using
      errcode = 'PF202',
      message = v_what || ' is SQL null',
      detail = v_detail::text,
      hint = $hint$pass a JSON value; JSON null is 'null'::jsonb$hint$;
  elsif v_found.errors is null then
    raise exception using
      errcode = 'PF210',
      message = format(
        '%s takes %s bytes as jsonb; its budget is %s', v_what, v_found.bytes, v_max_bytes
      ),
      detail = (v_detail || jsonb_build_object(
        'bytes', v_found.bytes, 'max_payload_bytes', v_max_bytes
      ))::text,
      hint = 'send where large things are, or raise the budget: Flow(..., max_payload_bytes=...)';
  elsif v_found.errors @> '[{"keyword": "limit"}]' then
    raise exception using
      errcode = 'PF212',
      message = format('%s could not be validated: %s', v_what, pgflow._told(v_found.errors)),
      detail = (v_detail || jsonb_build_object('errors', v_found.errors))::text,
      hint = 'send less at once, or raise pgflow.validation_deadline_ms';
  end if;
  raise exception using
    errcode = 'PF202',
    message = format('%s does not fit: %s', v_what, pgflow._told(v_found.errors)),
    detail = (v_detail || jsonb_build_object('errors', v_found.errors))::text,
    hint = 'send what the payload type of the flow says';
end;
$$;
