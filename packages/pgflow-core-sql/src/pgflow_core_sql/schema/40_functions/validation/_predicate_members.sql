-- _predicate_members: the condition for what a node says about all properties, or those with certain names.
-- Called by: _predicate_object.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value but objects.
create or replace function pgflow._predicate_members(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- a predicate has no deadline, and compares one by one: 50,000 names with 1500 others took 14 s
  c_names constant integer := 256;
  c_patterns constant integer := 16;
  v_conditions text[] := '{}';
  v_others text;
  v_sub record;
  v_condition text;
  v_misfit text;
begin
  if p_exact and (p_node ? 'maxProperties' or p_node -> 'minProperties' > '1') then
    return null;
  elsif (select count(*) > c_patterns from jsonb_object_keys(p_node -> 'patternProperties'))
    -- of names that must not be there, the first ends the search
    or p_program -> (p_node -> 'additionalProperties')::integer <> 'false'
    and (select count(*) > c_names from jsonb_object_keys(p_node -> 'properties'))
  then
    return null;
  elsif p_node -> 'minProperties' = '1' then
    v_conditions := v_conditions || 'exists(@.*)'::text;
  end if;
  -- the names that neither `properties` nor `patternProperties` knows
  v_others := pgflow._predicate_joined(
    '&&',
    array(select '@.key != ' || to_json(p.name) from jsonb_object_keys(p_node -> 'properties') as p (name))
    || array(
      select format('!(@.key like_regex %s flag "s")', to_json(p.pattern))
      from jsonb_object_keys(p_node -> 'patternProperties') as p (pattern)
    )
  );
  for v_sub in
    select k.key as keyword, v_others as name, '@.value' as part, k.value as index
    from jsonb_each(p_node) as k
    where k.key = 'additionalProperties'
    union all
    select 'patternProperties', format('@.key like_regex %s flag "s"', to_json(p.key)), '@.value', p.value
    from jsonb_each(p_node -> 'patternProperties') as p
    union all
    select k.key, '', '@.key', k.value
    from jsonb_each(p_node) as k
    where k.key = 'propertyNames'
  loop
    v_condition := pgflow._predicate(
      p_program,
      v_sub.index::integer,
      p_exact or v_sub.keyword = 'propertyNames',  -- there are no residual checks of names
      p_unrolled,
      p_stack
    );
    v_misfit := pgflow._predicate_joined(
      '&&', array[v_sub.name, pgflow._predicate_not(v_condition, v_sub.part)]
    );
    v_conditions := v_conditions || case
      when v_misfit is null then null
      when v_misfit = pgflow._predicate_never() then ''
      when v_misfit = '' then '!exists(@.*)'
      when v_sub.keyword = 'additionalProperties' and v_sub.name = ''
        then format('!exists(@.* ? (%s))', pgflow._predicate_not(v_condition))
      else format('!exists(@.keyvalue() ? (%s))', v_misfit)
    end;
  end loop;
  return pgflow._predicate_joined('&&', v_conditions);
end;
$$;
