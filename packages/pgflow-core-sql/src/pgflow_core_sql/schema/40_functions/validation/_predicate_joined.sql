-- _predicate_joined: one condition of several.
-- Called by: _predicate, _predicate_array, _predicate_choice, _predicate_enum, _predicate_members,
--            _predicate_number, _predicate_object, _predicate_one_of, _predicate_properties,
--            _predicate_string, _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition; null when one is null.
create or replace function pgflow._predicate_joined(
  p_operator text,  -- && or ||
  p_conditions text []
) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most constant integer := 64;
  v_always constant text := case p_operator when '&&' then '' else pgflow._predicate_never() end;
  v_ends constant text := case p_operator when '&&' then pgflow._predicate_never() else '' end;
  v_conditions text[] := array_remove(p_conditions, v_always);
begin
  if array_position(v_conditions, null) is not null then
    return null;
  elsif v_ends = any (v_conditions) then
    return v_ends;
  end if;
  -- Postgres nests a && b && c to the left: of thousands in one row it would say that they are too complex
  while cardinality(v_conditions) > c_most loop
    v_conditions := array(
      select '(' || string_agg(c.condition, format(' %s ', p_operator) order by c.n) || ')'
      from unnest(v_conditions) with ordinality as c (condition, n)
      group by (c.n - 1) / c_most
      order by min(c.n)
    );
  end loop;
  return case cardinality(v_conditions)
    when 0 then v_always
    when 1 then v_conditions[1]
    else '(' || array_to_string(v_conditions, format(' %s ', p_operator)) || ')'
  end;
end;
$$;
