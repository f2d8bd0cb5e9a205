-- _link_node: put the indexes of its subschemas into a node.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the node; `true` when it constrains nothing.
create or replace function pgflow._link_node(
  p_node jsonb,  -- keywords, with the subschemas themselves
  p_keywords text [],  -- per subschema the keyword that holds it
  p_names text [],  -- and the key below it
  p_indexes integer []
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case n.node when '{}' then 'true' else n.node end
  from (
    select
      case
        when cardinality(p_keywords) = 0 then p_node
        else p_node || (
          select jsonb_object_agg(k.keyword, k.value)
          from (
            select
              s.keyword,
              case
                when s.keyword in ('properties', 'patternProperties', 'dependentSchemas')
                  then jsonb_object_agg(coalesce(s.name, ''), s.index)
                when s.keyword in ('prefixItems', 'allOf', 'anyOf', 'oneOf')
                  then jsonb_agg(s.index order by s.n)
                else to_jsonb(min(s.index))
              end as value
            from unnest(p_keywords, p_names, p_indexes) with ordinality as s (keyword, name, index, n)
            group by s.keyword
          ) as k
        )
      end
  ) as n (node);
$$;
