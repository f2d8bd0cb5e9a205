-- _predicate_object: the condition for what a node says about objects.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_object(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_named constant text := pgflow._predicate_properties(p_program, p_node, p_exact, p_unrolled, p_stack);
  v_any constant text := pgflow._predicate_members(p_program, p_node, p_exact, p_unrolled, p_stack);
begin
  return pgflow._predicate_joined(
    '&&',
    array[
      -- what looks for a property that must be there, or at all of them, holds for objects only
      case when v_named = '' or v_any <> '' or p_node ? 'required' then '' else '@.type() == "object"' end,
      v_named,
      v_any
    ]
  );
end;
$$;
