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
  v_conditions text[] := '{}';  -- per alternative
  v_rivals text[] := '{}';  -- per alternative, the positions of its rivals as the text of an integer[]
begin
  for v_alternative in
    select
      a.value as index,
      array(
        -- with oneOf, those that a value might fit as well, as far as its type and its tag tell
        select b.ordinality
        from jsonb_array_elements(p_node -> p_keyword) with ordinality as b
        where p_keyword = 'oneOf'
          and b.ordinality <> a.ordinality
          and (
            not p_node ? 'choices'
            or exists (
              select 1
              from jsonb_each(p_node -> 'choices') as c
              where not (c.key = 'object' and p_node ? 'discriminator')
                and c.value @> jsonb_build_array(a.value, b.value)
            )
          )
        limit c_most_rivals + 1
      ) as rivals
    from jsonb_array_elements(p_node -> p_keyword) with ordinality as a
    order by a.ordinality
  loop
    v_rivals := v_rivals || v_alternative.rivals::text;
    -- one that stands under the negation of another too must be exact; to compile it a second time
    -- for that would take twice as long for each oneOf around it
    v_conditions := v_conditions || case
      when cardinality(v_alternative.rivals) <= c_most_rivals then pgflow._predicate(
        p_program,
        v_alternative.index::integer,
        p_exact or cardinality(v_alternative.rivals) > 0,
        p_unrolled,
        p_stack
      )
    end;
  end loop;
  return pgflow._predicate_joined(
    '||',
    array(
      select coalesce(
        pgflow._predicate_joined(
          '&&',
          c.condition || array(
            select pgflow._predicate_not(v_conditions[r.n]) from unnest(c.rivals::integer[]) as r (n)
          )
        ),
        case when not p_exact then pgflow._predicate_never() end
      )
      from unnest(v_conditions, v_rivals) with ordinality as c (condition, rivals, n)
      order by c.n
    )
  );
end;
$$;
