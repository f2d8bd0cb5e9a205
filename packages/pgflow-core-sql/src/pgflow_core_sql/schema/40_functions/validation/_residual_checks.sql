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
  with places as materialized (
    select p.path, p.path_of_any_tag, p_program -> p.index as node
    from pgflow._places(p_program, p_unrolled, p_places) as p
    where p.is_positive
  ),
  checks as (
    select
      p.path, p.path_of_any_tag, c.kind, max(c.at_least::integer) as at_least, min(c.at_most::integer) as at_most
    from places as p
    cross join lateral (
      values
      ('length', p.node -> 'minLength', p.node -> 'maxLength'),
      ('properties', p.node -> 'minProperties', p.node -> 'maxProperties'),
      ('unique', case when p.node ? 'uniqueItems' then '1'::jsonb end, null)
    ) as c (kind, at_least, at_most)
    where not p.node ? 'enum'  -- whose values are known to fit
      and case c.kind when 'unique' then c.at_least is not null else c.at_least > '1' or c.at_most is not null end
    group by p.path, p.path_of_any_tag, c.kind
  ),
  -- a check that all alternatives of a union have needs no look at the tag, and is made once
  shared as (
    select c.path_of_any_tag, c.kind
    from checks as c
    group by c.path_of_any_tag, c.kind
    having count(distinct (c.at_least, c.at_most)) = 1
      and count(*) = (
        select count(distinct p.path) from places as p where p.path_of_any_tag = c.path_of_any_tag
      )
  )
  select ('lax ' || r.path)::jsonpath, r.kind, r.at_least, r.at_most
  from (
    select distinct coalesce(s.path_of_any_tag, c.path) as path, c.kind, c.at_least, c.at_most
    from checks as c
    left join shared as s on s.path_of_any_tag = c.path_of_any_tag and s.kind = c.kind
  ) as r
  order by r.path, r.kind;
$$;
