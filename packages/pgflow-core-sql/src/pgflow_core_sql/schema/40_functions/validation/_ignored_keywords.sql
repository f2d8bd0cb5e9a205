-- _ignored_keywords: what a schema does not mean by its keywords, as its `$schema` says.
-- Called by: _check_schema, _link_schema.
-- Locks:     none.
-- Raises:    PF211 for another draft, and for a vocabulary that is required and not known.
-- Returns:   the keywords that stand for nothing; null when all have their usual meaning.
create or replace function pgflow._ignored_keywords(
  p_schema jsonb, p_at text, p_what text
) returns text []
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_vocabularies constant text := 'https://json-schema.org/draft/2020-12/vocab/';
  v_uri text := rtrim(p_schema ->> '$schema', '#');
  v_vocabularies jsonb;
  v_unknown text;
begin
  if v_uri is null or v_uri = 'https://json-schema.org/draft/2020-12/schema' then
    return null;
  end if;
  select d.document -> '$vocabulary' into v_vocabularies
  from pgflow.schema_documents as d
  where d.uri = v_uri;
  if not found then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/$schema', '$schema',
        pgflow._show(to_jsonb(v_uri)) || ' is not draft 2020-12, https://json-schema.org/draft/2020-12/schema'
      )
    );
  end if;
  select v.key into v_unknown
  from jsonb_each(v_vocabularies) as v
  where v.value = 'true'
    and v.key <> all (
      select c_vocabularies || n.name
      from unnest(
        array[
          'core', 'applicator', 'unevaluated', 'validation', 'meta-data', 'format-annotation', 'content'
        ]
      ) as n (name)
    )
  limit 1;
  if v_unknown is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/$schema', '$schema',
        pgflow._show(to_jsonb(v_unknown)) || ' is a vocabulary that is required and not known'
      )
    );
  end if;
  return (
    select array_agg(k.keyword)
    from (
      values
      (
        'applicator',
        array[
          'prefixItems', 'items', 'contains', 'additionalProperties', 'properties',
          'patternProperties', 'dependentSchemas', 'propertyNames', 'if', 'then', 'else', 'allOf',
          'anyOf', 'oneOf', 'not'
        ]
      ),
      ('unevaluated', array['unevaluatedItems', 'unevaluatedProperties']),
      (
        'validation',
        array[
          'type', 'enum', 'const', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum',
          'exclusiveMaximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems',
          'uniqueItems', 'minContains', 'maxContains', 'minProperties', 'maxProperties', 'required',
          'dependentRequired'
        ]
      )
    ) as v (name, keywords)
    cross join lateral unnest(v.keywords) as k (keyword)
    where not v_vocabularies ? (c_vocabularies || v.name)
  );
end;
$$;
