-- _predicate: a node of a program as a condition of a strict jsonpath about `@`.
-- The condition holds only for values that fit. For other values it is false or unknown, which is why every
-- negation goes through _predicate_not. Where it must be exact it also holds for all values that fit; elsewhere
-- it may decline: below a recursion that is too deep, or for an object or array in `enum`.
-- Lengths of strings, counts of properties and `uniqueItems` are left out where it need not be exact: see
-- _residual_checks.
-- Called by: _compile_schema; and itself through _predicate_array, _predicate_choice, _predicate_members,
--            _predicate_properties.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   the text of the condition, empty when it always holds; null when there is none.
create or replace function pgflow._predicate(
  p_program jsonb,
  p_index integer,
  p_exact boolean,  -- what does not fit matters too: under `not`, `if`, in counting for `oneOf`
  p_unrolled integer,  -- how often a node may be inside itself
  p_stack integer [] default '{}'  -- what the node is inside of
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_longest constant integer := 65536;
  v_node constant jsonb := p_program -> p_index;
  v_stack constant integer[] := p_stack || p_index;
  v_conditions text[];
  v_condition text;
  v_sub record;
begin
  if v_node = 'true' then
    return '';
  elsif v_node = 'false' then
    return pgflow._predicate_never();
  elsif cardinality(array_positions(p_stack, p_index)) > p_unrolled then
    return case when not p_exact then pgflow._predicate_never() end;
  elsif v_node ?| '{unevaluatedProperties,unevaluatedItems}' then
    return null;
  elsif v_node ? 'enum' then
    return pgflow._predicate_enum(p_program, v_node, p_exact);
  end if;

  v_conditions := array[pgflow._predicate_types(p_program, v_node, p_exact, p_unrolled, v_stack)];
  for v_sub in
    select k.key, s.index
    from jsonb_each(v_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'anyOf', 'oneOf', 'not', 'if')
      union all
      select a.value from jsonb_array_elements(case k.key when 'allOf' then k.value end) as a
    ) as s (index)
  loop
    v_condition := case
      when v_sub.key in ('anyOf', 'oneOf')
        then pgflow._predicate_choice(p_program, v_node, v_sub.key, p_exact, p_unrolled, v_stack)
      when v_sub.key in ('not', 'if')
        then pgflow._predicate(p_program, v_sub.index::integer, true, p_unrolled, v_stack)
      else pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, v_stack)
    end;
    v_conditions := v_conditions || case v_sub.key
      when 'not' then pgflow._predicate_not(v_condition)
      when 'if' then pgflow._predicate_joined(
        '&&',
        array[
          pgflow._predicate_joined(
            '||',
            array[
              pgflow._predicate_not(v_condition),
              case
                when v_node ? 'then'
                  then pgflow._predicate(p_program, (v_node -> 'then')::integer, p_exact, p_unrolled, v_stack)
                else ''
              end
            ]
          ),
          pgflow._predicate_joined(
            '||',
            array[
              v_condition,
              case
                when v_node ? 'else'
                  then pgflow._predicate(p_program, (v_node -> 'else')::integer, p_exact, p_unrolled, v_stack)
                else ''
              end
            ]
          )
        ]
      )
      else v_condition
    end;
  end loop;
  v_condition := pgflow._predicate_joined('&&', v_conditions);
  return case when length(v_condition) <= c_longest then v_condition end;
end;
$$;
