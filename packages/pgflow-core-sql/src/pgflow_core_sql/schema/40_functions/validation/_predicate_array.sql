-- _predicate_array: the condition for what a node says about arrays.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_array(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_first constant integer := coalesce(jsonb_array_length(p_node -> 'prefixItems'), 0);
  v_conditions text[] := '{}';
  v_condition text;
  v_sub record;
begin
  if p_exact and p_node ? 'uniqueItems'
    or p_node ? 'maxContains'
    or p_node -> 'minContains' > '1'
  then
    return null;
  end if;
  if p_node -> 'minItems' > '0' then
    v_conditions := v_conditions || format('@.size() >= %s', p_node -> 'minItems');
  end if;
  if p_node ? 'maxItems' then
    v_conditions := v_conditions || format('@.size() <= %s', p_node -> 'maxItems');
  end if;
  for v_sub in
    select (p.ordinality - 1)::integer as n, p.value as index
    from jsonb_array_elements(p_node -> 'prefixItems') with ordinality as p
  loop
    v_condition := pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = '' then ''
      when v_condition = pgflow._predicate_never() then '@.size() <= ' || v_sub.n
      else format('(@.size() <= %1$s || exists(@[%1$s] ? (%2$s)))', v_sub.n, v_condition)
    end;
  end loop;
  if p_node ? 'items' then
    v_condition := pgflow._predicate_not(
      pgflow._predicate(p_program, (p_node -> 'items')::integer, p_exact, p_unrolled, p_stack)
    );
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = pgflow._predicate_never() then ''
      when v_condition = '' then '@.size() <= ' || v_first
      when v_first = 0 then format('!exists(@[*] ? (%s))', v_condition)
      else format('(@.size() <= %1$s || !exists(@[%1$s to last] ? (%2$s)))', v_first, v_condition)
    end;
  end if;
  if p_node ? 'contains' and p_node -> 'minContains' is distinct from '0' then
    v_condition := pgflow._predicate(p_program, (p_node -> 'contains')::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = '' then '@.size() >= 1'
      when v_condition = pgflow._predicate_never() then v_condition
      else format('exists(@[*] ? (%s))', v_condition)
    end;
  end if;
  return pgflow._predicate_joined('&&', v_conditions);
end;
$$;
