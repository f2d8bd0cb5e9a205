-- _raise_manifest_invalid: say where in the manifest what is wrong.
-- Called by: _check_manifest, _check_flow_step, _check_waiting, _check_flow, _check_step, _check_graph,
--            _check_options, _check_slug,
--            _check_digest, _check_source, _check_map, _check_rules, _check_condition, _check_operand,
--            _check_failure_handler, _check_nulls.
-- Locks:     none.
-- Raises:    the given code.
-- Returns:   never.
create or replace function pgflow._raise_manifest_invalid(
  p_code text, p_at text, p_message text, p_details jsonb default '{}'
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = p_code,
    message = format('%s: %s', case p_at when '' then '/' else p_at end, p_message),
    detail = (jsonb_build_object('at', p_at) || p_details)::text,
    hint = 'write the manifest anew with `pgflow compile`, or correct it at this JSON pointer';
end;
$$;
