-- _result_error: the error of a step whose result does not fit.
-- Called by: _check_results, _sub_flow_error.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null for null; else the error, its code PF608 when a limit was hit and PF606 otherwise.
create or replace function pgflow._result_error(p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then jsonb_build_object(
      'code', case when l.is_limit then 'PF608' else 'PF606' end,
      'type', case when l.is_limit then 'ResultLimitError' else 'ResultInvalidError' end,
      'message', case
        when l.is_limit then 'the result could not be validated: '
        else 'the result does not fit its schema: '
      end || pgflow._told(p_errors),
      'errors', p_errors
    )
  end
  from (select p_errors @> '[{"keyword": "limit"}]' as is_limit) as l;
$$;
