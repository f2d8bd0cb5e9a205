-- _unmet_error: the error of a step that fails its run because its condition does not hold.
-- Called by: _fate, _explain_skips.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error, with the code PF610.
create or replace function pgflow._unmet_error(
  p_step_slug text, p_condition jsonb, p_run_id uuid
) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'code', 'PF610',
    'type', 'ConditionUnmetError',
    'message', format('the condition of step %L does not hold: %s', p_step_slug, string_agg(u.told, '; ')),
    'unmet', jsonb_agg(jsonb_build_object('at', u.at, 'message', u.told))
  )
  from pgflow._unmet_parts(p_condition, p_run_id) as u;
$$;
