-- _task_schema: the schema of what one task of a step returns: of a map step, one item of its result.
-- Called by: _put_schemas, _put_contracts, _check_same_schemas, _check_nulls.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the result schema; of a map, what stands under its `items`, with the definitions of the whole.
create or replace function pgflow._task_schema(p_step jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when coalesce(p_step -> 'over', 'null') <> 'null' then
      (s.whole -> 'items')
      || case when s.whole ? '$schema' then jsonb_build_object('$schema', s.whole -> '$schema') else '{}' end
      || case
        when s.whole ? '$defs' then jsonb_build_object(
          '$defs', coalesce(s.whole #> '{items,$defs}', '{}') || (s.whole -> '$defs')
        )
        else '{}'
      end
    else s.whole
  end
  from (select p_step -> 'result_schema' as whole) as s;
$$;
