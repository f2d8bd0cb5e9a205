-- _predicate_types: the condition for what a node says about each type of values.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_types(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text;
  v_condition text;
  v_free text[] := '{}';  -- types of which all values fit
  v_bound text[] := '{}';
  v_conditions text[] := '{}';
begin
  for v_type in
    select t.type
    from unnest('{string,number,object,array,boolean,"null"}'::text[]) with ordinality as t (type, n)
    where (p_node -> 'type' ? t.type) is not false or t.type = 'number' and p_node -> 'type' ? 'integer'
    order by t.n
  loop
    v_condition := case v_type
      when 'string' then pgflow._predicate_string(p_node, p_exact)
      when 'number' then pgflow._predicate_number(p_node)
      when 'object' then pgflow._predicate_object(p_program, p_node, p_exact, p_unrolled, p_stack)
      when 'array' then pgflow._predicate_array(p_program, p_node, p_exact, p_unrolled, p_stack)
      else ''
    end;
    if v_condition = '' then
      v_free := v_free || v_type;
    else
      v_bound := v_bound || v_type;
      v_conditions := v_conditions
        || coalesce(v_condition, case when not p_exact then pgflow._predicate_never() end);
    end if;
  end loop;
  return pgflow._predicate_joined(
    '||',
    v_conditions || case
      when p_node ? 'type' then array(select format('@.type() == "%s"', f.type) from unnest(v_free) as f (type))
      else array[
        pgflow._predicate_joined(
          '&&', array(select format('@.type() != "%s"', b.type) from unnest(v_bound) as b (type))
        )
      ]
    end
  );
end;
$$;
