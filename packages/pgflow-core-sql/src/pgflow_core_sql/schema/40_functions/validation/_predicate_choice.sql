-- _predicate_choice: the condition for one of several alternatives, or for exactly one.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_choice(
  p_program jsonb,
  p_node jsonb,
  p_keyword text,  -- anyOf or oneOf
  p_exact boolean,
  p_unrolled integer,
  p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_rivals constant integer := 4;
  v_alternative record;
  v_rivals integer[];
  v_condition text;
  v_parts text[];
  v_conditions text[] := '{}';
begin
  for v_alternative in
    select a.value as index, a.ordinality as n
    from jsonb_array_elements(p_node -> p_keyword) with ordinality as a
  loop
    -- with oneOf, those that a value might fit as well, as far as its type and its tag tell
    v_rivals := array(
      select a.value::integer
      from jsonb_array_elements(p_node -> p_keyword) with ordinality as a
      where p_keyword = 'oneOf'
        and a.ordinality <> v_alternative.n
        and (
          not p_node ? 'choices'
          or exists (
            select 1
            from jsonb_each(p_node -> 'choices') as c
            where c.value @> jsonb_build_array(a.value, v_alternative.index)
              and not (c.key = 'object' and p_node ? 'discriminator')
          )
        )
    );
    v_condition := case
      when cardinality(v_rivals) <= c_most_rivals
        then pgflow._predicate(p_program, v_alternative.index::integer, p_exact, p_unrolled, p_stack)
    end;
    v_parts := array[v_condition];
    for v_n in 1 .. least(cardinality(v_rivals), c_most_rivals) loop
      v_parts := v_parts
        || pgflow._predicate_not(pgflow._predicate(p_program, v_rivals[v_n], true, p_unrolled, p_stack));
    end loop;
    v_condition := pgflow._predicate_joined('&&', v_parts);
    v_conditions := v_conditions
      || coalesce(v_condition, case when not p_exact then pgflow._predicate_never() end);
  end loop;
  return pgflow._predicate_joined('||', v_conditions);
end;
$$;
