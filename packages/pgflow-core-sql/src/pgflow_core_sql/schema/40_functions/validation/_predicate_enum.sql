-- _predicate_enum: the condition for one of some values.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_enum(
  p_program jsonb, p_node jsonb, p_exact boolean
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  c_milliseconds constant integer := 1000;
  -- the strings that jsonpath sorts as we do, in every encoding
  c_sortable constant text := '^[\u0001-\u007f]*$';
  v_deadline constant timestamptz := clock_timestamp() + c_milliseconds * interval '1 ms';
  v_values jsonb[];
begin
  -- what else the node says, the walker knows
  v_values := array(
    select e.value
    from jsonb_array_elements(p_node -> 'enum') as e
    where pgflow._walk(p_program, p_node, e.value, 0, v_deadline) is null
  );
  if p_exact
    and exists (select 1 from unnest(v_values) as v (value) where jsonb_typeof(v.value) in ('object', 'array'))
  then
    return null;  -- jsonpath compares scalars only
  end if;
  return pgflow._predicate_joined(
    '||',
    array[
      pgflow._predicate_one_of(
        array(
          select v.value::text from unnest(v_values) as v (value)
          where jsonb_typeof(v.value) = 'string' and v.value #>> '{}' ~ c_sortable
          order by v.value #>> '{}' collate "C"
        )
      ),
      pgflow._predicate_one_of(
        array(
          select v.value::text from unnest(v_values) as v (value)
          where jsonb_typeof(v.value) = 'number'
          order by v.value
        )
      )
    ] || array(
      select format('@ == %s', v.value)
      from unnest(v_values) as v (value)
      where jsonb_typeof(v.value) in ('boolean', 'null')
        or jsonb_typeof(v.value) = 'string' and v.value #>> '{}' !~ c_sortable
    )
  );
end;
$$;
