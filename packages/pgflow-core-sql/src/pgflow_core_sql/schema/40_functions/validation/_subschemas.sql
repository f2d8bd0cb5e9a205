-- _subschemas: the schemas directly inside a schema, by the keyword that holds them.
-- Called by: _link_schema, _schema_resources.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   keyword, then the key or index below it (null where the keyword holds one schema).
create or replace function pgflow._subschemas(p_schema jsonb)
returns table (keyword text, name text, schema jsonb)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select k.key, s.name, s.schema
  from jsonb_each(case jsonb_typeof(p_schema) when 'object' then p_schema else '{}' end) as k
  cross join lateral (
    select null, k.value
    where k.key in (
      'items', 'contains', 'additionalProperties', 'propertyNames', 'if', 'then', 'else', 'not',
      'unevaluatedItems', 'unevaluatedProperties'
    )
    union all
    select m.key, m.value
    from jsonb_each(
      case
        when k.key in ('properties', 'patternProperties', 'dependentSchemas', '$defs')
          and jsonb_typeof(k.value) = 'object' then k.value
        else '{}'
      end
    ) as m
    union all
    select (a.ordinality - 1)::text, a.value
    from jsonb_array_elements(
      case
        when k.key in ('prefixItems', 'allOf', 'anyOf', 'oneOf')
          and jsonb_typeof(k.value) = 'array' then k.value
        else '[]'
      end
    ) with ordinality as a
  ) as s (name, schema);
$$;
