-- _check_value: does a value fit a stored schema, and if not, what about it does not fit.
-- Called by: _check_results, _misfit, _check_nulls, _check_sub_flow, _sub_flow_error, _check_signal,
--            _check_payloads.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when it fits; else at most 20 errors {at, keyword, message}. A limit of time or depth is
--            an error with the keyword `limit`.
create or replace function pgflow._check_value(p_schema_id bytea, p_value jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := coalesce(p_value, 'null');
  v_fits boolean;
  v_program jsonb;
begin
  select
    v_value @? s.predicate
    and (
      pg_column_size(v_value) <= s.residual_free_bytes
      or pgflow._residuals_fit(v_value, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs)
    )
  into v_fits
  from pgflow.schemas as s
  where s.schema_id = p_schema_id;
  if v_fits then
    return null;
  end if;
  select s.program into strict v_program
  from pgflow.schemas as s
  where s.schema_id = p_schema_id;
  return pgflow._explain(v_program, v_value);
end;
$$;
