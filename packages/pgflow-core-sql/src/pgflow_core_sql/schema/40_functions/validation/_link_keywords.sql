-- _link_keywords: the canonical form of the keywords of one schema, subschemas left as they are.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    PF211 for a pattern or a keyword that is refused.
-- Returns:   the keywords that constrain values; annotations are dropped.
create or replace function pgflow._link_keywords(
  p_schema jsonb, p_at text, p_what text
) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_node jsonb;
  v_pattern record;
  v_refused text;
begin
  if jsonb_typeof(p_schema) <> 'object' then
    return p_schema;
  end if;
  v_refused := (
    select k.key
    from jsonb_object_keys(p_schema) as k (key)
    where k.key in ('dependencies', 'additionalItems', '$recursiveRef', '$recursiveAnchor')
    limit 1
  );
  if v_refused is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/' || v_refused,
        v_refused,
        v_refused || ' is not part of draft 2020-12: ' || case v_refused
          when 'dependencies' then 'write dependentRequired or dependentSchemas'
          when 'additionalItems' then 'write items, and prefixItems for the list before it'
          when '$recursiveRef' then 'write $dynamicRef'
          else 'write $dynamicAnchor'
        end
      )
    );
  end if;

  select
    coalesce(
      jsonb_object_agg(
        k.key,
        case
          when k.key = 'type' and jsonb_typeof(k.value) = 'string' then jsonb_build_array(k.value)
          when k.key ~ '^m(?:in|ax)(?:Length|Items|Properties|Contains)$'
            -- no value in Postgres has more characters, items or properties
            then to_jsonb(least(k.value::numeric, 2147483647)::integer)
          else k.value
        end
      ),
      '{}'
    )
  into v_node
  from jsonb_each(p_schema) as k
  where k.key in (
    'type', 'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
    'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'minContains', 'maxContains',
    'minProperties', 'maxProperties', 'dependentRequired',
    'properties', 'patternProperties', 'additionalProperties', 'propertyNames', 'dependentSchemas',
    'prefixItems', 'items', 'contains', 'allOf', 'anyOf', 'oneOf', 'not', 'if',
    'unevaluatedItems', 'unevaluatedProperties'
  )
  or k.key in ('then', 'else') and p_schema ? 'if'
  or k.key = 'required' and k.value <> '[]'
  or k.key = 'uniqueItems' and k.value = 'true';

  if p_schema ? 'const' then
    v_node := v_node || jsonb_build_object(
      'enum',
      case
        when p_schema ? 'enum'
          and not exists (
            select 1 from jsonb_array_elements(p_schema -> 'enum') as e
            where e.value = p_schema -> 'const'
          ) then '[]'
        else jsonb_build_array(p_schema -> 'const')
      end
    );
  end if;
  if v_node ? 'type' and v_node -> 'type' @> '["integer", "number"]' then
    v_node := v_node || jsonb_build_object('type', (v_node -> 'type') - 'integer');
  end if;
  if not v_node ? 'contains' then
    v_node := v_node - '{minContains,maxContains}'::text[];
  end if;
  if v_node ? 'pattern' then
    v_pattern := pgflow._regex_to_are(v_node ->> 'pattern');
    if v_pattern.refusal is not null then
      perform pgflow._raise_schema_invalid(
        p_what, pgflow._error_item(p_at || '/pattern', 'pattern', v_pattern.refusal)
      );
    end if;
    if v_pattern.expression <> v_node ->> 'pattern' then
      v_node := v_node || jsonb_build_object(
        'pattern', v_pattern.expression, 'pattern_text', v_node ->> 'pattern'
      );
    end if;
  end if;
  if v_node ? 'patternProperties' then
    v_node := jsonb_set(v_node, '{patternProperties}', '{}');
    for v_pattern in
      select p.key, p.value, r.expression, r.refusal
      from jsonb_each(p_schema -> 'patternProperties') as p
      cross join lateral pgflow._regex_to_are(p.key) as r
    loop
      if v_pattern.refusal is not null then
        perform pgflow._raise_schema_invalid(
          p_what,
          pgflow._error_item(
            pgflow._pointer(p_at || '/patternProperties', v_pattern.key), 'patternProperties', v_pattern.refusal
          )
        );
      end if;
      while v_node -> 'patternProperties' ? v_pattern.expression loop
        v_pattern.expression := '(?:' || v_pattern.expression || ')';  -- two patterns became the same
      end loop;
      v_node := jsonb_set(
        v_node, array['patternProperties', v_pattern.expression], v_pattern.value
      );
    end loop;
  end if;
  return v_node;
end;
$$;
