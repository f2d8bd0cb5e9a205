-- _residual_checks: what a predicate cannot say about a value, because jsonpath does not count.
-- A check is for all values at its path, also for those of an alternative that the value does not fit: it may
-- decline more than the schema, and never less.
-- Called by: _compile_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   per path and kind the strictest bounds. The kinds are `length` (of strings), `properties` (how
--            many an object has) and `unique` (items of an array).
create or replace function pgflow._residual_checks(
  p_program jsonb, p_unrolled integer, p_places integer
)
returns table (path jsonpath, kind text, at_least integer, at_most integer)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select ('lax ' || p.path)::jsonpath, c.kind, max(c.at_least::integer), min(c.at_most::integer)
  from pgflow._places(p_program, p_unrolled, p_places) as p
  cross join lateral (select p_program -> p.index) as n (node)
  cross join lateral (
    values
    ('length', n.node -> 'minLength', n.node -> 'maxLength'),
    ('properties', n.node -> 'minProperties', n.node -> 'maxProperties'),
    ('unique', case when n.node ? 'uniqueItems' then '1'::jsonb end, null)
  ) as c (kind, at_least, at_most)
  where p.is_positive
    and not n.node ? 'enum'  -- whose values are known to fit
    and case c.kind when 'unique' then c.at_least is not null else c.at_least > '1' or c.at_most is not null end
  group by p.path, c.kind
  order by p.path, c.kind;
$$;
