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
  v_indexes constant integer[] := array(
    select a.value::integer from jsonb_array_elements(p_node -> p_keyword) with ordinality as a order by a.ordinality
  );
  -- the exact condition of an alternative, made once however many it rivals: with one for each, the work
  -- would grow to the power of the depth
  v_exact text[] := array_fill(null::text, array[cardinality(v_indexes)]);
  v_is_made boolean[] := array_fill(false, array[cardinality(v_indexes)]);
  v_rivals integer[];
  v_needed integer;
  v_condition text;
  v_parts text[];
  v_conditions text[] := '{}';
begin
  for v_n in 1 .. cardinality(v_indexes) loop
    -- with oneOf, those that a value might fit as well, as far as its type and its tag tell
    v_rivals := array(
      select a.n::integer
      from unnest(v_indexes) with ordinality as a (index, n)
      where p_keyword = 'oneOf'
        and a.n <> v_n
        and (
          not p_node ? 'choices'
          or exists (
            select 1
            from jsonb_each(p_node -> 'choices') as c
            where not (c.key = 'object' and p_node ? 'discriminator')
              and c.value @> jsonb_build_array(a.index, v_indexes[v_n])
          )
        )
      limit c_most_rivals + 1
    );
    v_condition := null;
    if cardinality(v_rivals) <= c_most_rivals then
      foreach v_needed in array case when p_exact then v_rivals || v_n else v_rivals end loop
        if not v_is_made[v_needed] then
          v_exact[v_needed] := pgflow._predicate(p_program, v_indexes[v_needed], true, p_unrolled, p_stack);
          v_is_made[v_needed] := true;
        end if;
      end loop;
      v_parts := array[
        case
          when p_exact then v_exact[v_n]
          else pgflow._predicate(p_program, v_indexes[v_n], false, p_unrolled, p_stack)
        end
      ];
      foreach v_needed in array v_rivals loop
        v_parts := v_parts || pgflow._predicate_not(v_exact[v_needed]);
      end loop;
      v_condition := pgflow._predicate_joined('&&', v_parts);
    end if;
    v_conditions := v_conditions
      || coalesce(v_condition, case when not p_exact then pgflow._predicate_never() end);
  end loop;
  return pgflow._predicate_joined('||', v_conditions);
end;
$$;
