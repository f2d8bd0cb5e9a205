-- _no_list_error: the error of a map step whose list is none.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error, with the code PF609.
create or replace function pgflow._no_list_error(p_contract_id integer, p_found jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'code', 'PF609',
    'type', 'NotAListError',
    'message', format(
      'step %L goes over %s%s, where there is %s and not a list',
      c.step_slug,
      case c.over_source when 'payload' then 'the payload' else format('the result of step %L', c.over_step_slug) end,
      (select string_agg(pgflow._pointer('', k.key), '' order by k.ordinality)
        from unnest(c.over_path) with ordinality as k (key)),
      coalesce(jsonb_typeof(p_found), 'nothing')
    )
  )
  from pgflow.contracts as c
  where c.contract_id = p_contract_id;
$$;
