-- _predicate_number: the condition for what a node says about numbers.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_number(p_node jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._predicate_joined(
    '&&',
    array(
      select '@ % 1 == 0'
      where not p_node -> 'type' ? 'number'
      union all
      select format(l.condition, p_node -> l.keyword)
      from (
        values
        ('minimum', '@ >= %s'),
        ('maximum', '@ <= %s'),
        ('exclusiveMinimum', '@ > %s'),
        ('exclusiveMaximum', '@ < %s'),
        ('multipleOf', '@ %% %s == 0')
      ) as l (keyword, condition)
      where p_node ? l.keyword
    )
  );
$$;
