-- _predicate_one_of: the condition for one of many constants, halving them with each comparison.
-- Called by: _predicate_enum, and itself.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_one_of(
  p_constants text []  -- as JSON: strings only, or numbers only, in ascending order
) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_few constant integer := 8;
  v_half constant integer := cardinality(p_constants) / 2;
begin
  if cardinality(p_constants) <= c_few then
    return pgflow._predicate_joined('||', array(select '@ == ' || c.text from unnest(p_constants) as c (text)));
  end if;
  return format(
    '((@ < %1$s && %2$s) || (@ >= %1$s && %3$s))',
    p_constants[v_half + 1],
    pgflow._predicate_one_of(p_constants[: v_half]),
    pgflow._predicate_one_of(p_constants[v_half + 1 :])
  );
end;
$$;
