-- _places: every place in a value to which a node of a program applies.
-- Called by: _compile_schema, _residual_checks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the index of the node; a lax jsonpath that leads to at least these places; the same that leads
--            there for values of any tag; false where it matters too that a value does not fit the node.
create or replace function pgflow._places(
  p_program jsonb,
  p_unrolled integer,  -- how often a node may be inside itself
  p_most integer  -- where to stop: the number of places may grow with the power of the depth
)
returns table (index integer, path text, path_of_any_tag text, is_positive boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with recursive places as (
    select 0 as index, '$' as path, '$' as path_of_any_tag, true as is_positive, '{0}'::integer[] as stack
    union all
    select
      s.index::integer,
      concat(p.path, s.step, s.tags),
      p.path_of_any_tag || s.step,
      p.is_positive and s.is_positive,
      p.stack || s.index::integer
    from places as p
    cross join lateral (select p_program -> p.index) as n (node)
    cross join lateral jsonb_each(case jsonb_typeof(n.node) when 'object' then n.node else '{}' end) as k
    cross join lateral (
      select k.value, case k.key when 'additionalProperties' then '.*' when 'items' then '[*]' else '' end, null, true
      where k.key in ('ref', 'then', 'else', 'items', 'additionalProperties')
      union all
      select k.value, '[*]', null, true
      where k.key = 'contains'
      union all
      select k.value, '', null, false
      where k.key in ('not', 'if', 'propertyNames')
      union all
      select
        m.value,
        case k.key
          when 'properties' then '.' || to_json(m.key)
          when 'patternProperties' then '.*'
          else ''
        end,
        null,
        true
      from jsonb_each(
        case when k.key in ('properties', 'patternProperties', 'dependentSchemas') then k.value end
      ) as m
      union all
      select
        a.value,
        case when k.key = 'prefixItems' then format('[%s]', a.ordinality - 1) else '' end,
        t.tags,
        true
      from jsonb_array_elements(
        case when k.key in ('prefixItems', 'allOf', 'anyOf', 'oneOf') then k.value end
      ) with ordinality as a
      left join lateral (
        -- the values with the tag of this alternative
        select
          ' ? (' || string_agg(format('@.%s == %s', n.node #> '{discriminator,property}', b.key), ' || ') || ')'
        from jsonb_each(n.node #> '{discriminator,branches}') as b
        where k.key in ('anyOf', 'oneOf') and b.value::integer = a.ordinality - 1
      ) as t (tags) on true
    ) as s (index, step, tags, is_positive)
    where cardinality(array_positions(p.stack, s.index::integer)) <= p_unrolled
  )
  select p.index, p.path, p.path_of_any_tag, p.is_positive from places as p limit p_most;
$$;
