-- _link_hints: what the walker would otherwise have to find out about a node each time.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the program. Each node that is an object has, beside its keywords:
--   accepts        the types of JSON values (`number` for all numbers) that fit without a further look;
--   required_keys  `required` as the text of a text[];
--   more           the types for which _walk_more or _walk_array has keywords to check;
--   next           absent when no subschema looks at the same value; else `ref` or `choice` when `ref`,
--                  or one of anyOf and oneOf, is all there is; `combined` for everything else.
--   With `choice`, see _link_choices, there are also `choices` and perhaps `discriminator`.
create or replace function pgflow._link_hints(p_nodes jsonb []) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_object constant text[] := '{properties,required,additionalProperties,patternProperties,propertyNames,'
    'minProperties,maxProperties,dependentRequired,dependentSchemas,unevaluatedProperties}';
  c_array constant text[] := '{prefixItems,items,contains,minItems,maxItems,uniqueItems,unevaluatedItems}';
  c_string constant text[] := '{minLength,maxLength,pattern}';
  c_number constant text[] := '{minimum,maximum,exclusiveMinimum,exclusiveMaximum,multipleOf}';
  c_more_array constant text[] := '{prefixItems,items,contains,uniqueItems}';
  c_more_object constant text[] := '{patternProperties,propertyNames,minProperties,maxProperties,'
    'dependentRequired,dependentSchemas}';
  c_combined constant text[] := '{ref,allOf,anyOf,oneOf,not,if,unevaluatedProperties,unevaluatedItems}';
  v_nodes jsonb[] := p_nodes;
  v_node jsonb;
  v_next text;
  v_free text[];
  v_frees text[] := '{}';
begin
  for n in 1 .. cardinality(v_nodes) loop
    v_node := v_nodes[n];
    if jsonb_typeof(v_node) <> 'object' then
      v_frees := v_frees || null::text;
      continue;
    end if;
    v_next := case (select string_agg(k.key, '') from unnest(c_combined) as k (key) where v_node ? k.key)
      when 'ref' then 'ref'
      when 'anyOf' then 'choice'
      when 'oneOf' then 'choice'
      else case when v_node ?| c_combined then 'combined' end
    end;
    -- the types whose own keywords leave them alone
    v_free := case when not v_node ? 'enum' then array_remove(
      array[
        'null',
        'boolean',
        case when not v_node ?| c_object then 'object' end,
        case when not v_node ?| c_array then 'array' end,
        case when not v_node ?| c_string then 'string' end,
        case when not v_node ?| c_number then 'number' end
      ],
      null
    ) else '{}' end;
    v_nodes[n] := v_node || jsonb_strip_nulls(
      jsonb_build_object(
        'accepts', (
          select coalesce(jsonb_agg(t.type), '[]') from unnest(v_free) as t (type)
          where v_next is null and (v_node -> 'type' ? t.type) is not false
        ),
        'required_keys', case
          when v_node ? 'required' then array(select jsonb_array_elements_text(v_node -> 'required'))::text
        end,
        'more', case
          when v_node ?| (c_more_object || c_more_array) then to_jsonb(
            array_remove(
              array[
                case when v_node ?| c_more_object then 'object' end,
                case when v_node ?| c_more_array then 'array' end
              ],
              null
            )
          )
        end,
        'next', v_next
      )
    );
    v_frees := v_frees || v_free::text;
  end loop;
  return pgflow._link_choices(v_nodes, v_frees);
end;
$$;
