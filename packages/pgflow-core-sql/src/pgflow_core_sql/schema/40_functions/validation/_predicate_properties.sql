-- _predicate_properties: the condition for what a node says about properties by their name.
-- Called by: _predicate_object.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate, for objects.
create or replace function pgflow._predicate_properties(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sub record;
  v_path text;
  v_condition text;
  v_conditions text[] := '{}';
begin
  for v_sub in
    select
      k.name,
      p_node -> 'properties' -> k.name as index,
      coalesce(p_node -> 'required' ? k.name, false) as is_required
    from (
      select r.name from jsonb_array_elements_text(p_node -> 'required') as r (name)
      union
      select p.name from jsonb_object_keys(p_node -> 'properties') as p (name)
    ) as k
    -- constants first: they tell the alternatives of a union apart
    order by
      p_program -> (p_node -> 'properties' -> k.name)::integer ? 'enum' desc nulls last, is_required desc, k.name
  loop
    v_path := '@.' || to_json(v_sub.name);
    v_condition := case
      when v_sub.index is null then ''
      else pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack)
    end;
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_sub.is_required and v_condition = pgflow._predicate_never() then v_condition
      when v_sub.is_required and v_condition = '' then format('exists(%s)', v_path)
      when v_sub.is_required then format('exists(%s ? (%s))', v_path, v_condition)
      when v_condition = '' then ''
      -- to look for a property that is absent is an error, and what has an error is unknown
      when v_condition = pgflow._predicate_never() then format('((exists(%s)) is unknown)', v_path)
      else format('((exists(%1$s)) is unknown || exists(%1$s ? (%2$s)))', v_path, v_condition)
    end;
  end loop;
  for v_sub in
    select d.key as name, d.value as index from jsonb_each(p_node -> 'dependentSchemas') as d
  loop
    v_condition := pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || pgflow._predicate_joined(
      '||', array[format('((exists(@.%s)) is unknown)', to_json(v_sub.name)), v_condition]
    );
  end loop;
  return pgflow._predicate_joined(
    '&&',
    v_conditions || array(
      select pgflow._predicate_joined(
        '||',
        array[
          format('((exists(@.%s)) is unknown)', to_json(d.key)),
          pgflow._predicate_joined(
            '&&', array(select format('exists(@.%s)', r.value) from jsonb_array_elements(d.value) as r)
          )
        ]
      )
      from jsonb_each(p_node -> 'dependentRequired') as d
    )
  );
end;
$$;
