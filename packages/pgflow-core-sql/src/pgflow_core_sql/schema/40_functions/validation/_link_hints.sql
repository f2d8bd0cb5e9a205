-- _link_hints: what the walker would otherwise have to find out about a node each time.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the program. Each node that is an object has, beside its keywords:
--   accepts        the types of JSON values (`number` for all numbers) that fit without a further look;
--   required_keys  `required` as the text of a text[];
--   more           the types for which _walk_more has keywords to check;
--   next           absent when no subschema looks at the same value; else `ref` or `choice` when `ref`,
--                  or one of anyOf and oneOf, is all there is; `combined` for everything else;
--   choices        with `choice`: by type, the indexes of the alternatives that a value of it may fit;
--   discriminator  with `choice`: {property, branches}. The alternatives all require the property, as
--                  one of some strings, and no string is allowed by two: `branches` leads from the
--                  JSON text of the string to the position in anyOf or oneOf.
create or replace function pgflow._link_hints(p_nodes jsonb []) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_types constant text[] := '{object,array,string,number,boolean,"null"}';
  c_object constant text[] := '{properties,required,additionalProperties,patternProperties,propertyNames,'
    'minProperties,maxProperties,dependentRequired,dependentSchemas,unevaluatedProperties}';
  c_array constant text[] := '{prefixItems,items,contains,minItems,maxItems,uniqueItems,unevaluatedItems}';
  c_string constant text[] := '{minLength,maxLength,pattern}';
  c_number constant text[] := '{minimum,maximum,exclusiveMinimum,exclusiveMaximum,multipleOf}';
  c_more constant text[] := '{patternProperties,propertyNames,minProperties,maxProperties,'
    'dependentRequired,dependentSchemas}';
  c_combined constant text[] := '{ref,allOf,anyOf,oneOf,not,if,unevaluatedProperties,unevaluatedItems}';
  v_nodes jsonb[] := p_nodes;
  v_node jsonb;
  v_next text;
  v_free text[];
  v_frees text[] := '{}';
  v_choices jsonb;
  v_discriminator jsonb;
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
          when v_node ?| c_more or v_node ?| '{contains,uniqueItems}' then to_jsonb(
            array_remove(
              array[
                case when v_node ?| c_more then 'object' end,
                case when v_node ?| '{contains,uniqueItems}' then 'array' end
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

  for n in 1 .. cardinality(v_nodes) loop
    continue when v_nodes[n] ->> 'next' is distinct from 'choice';
    v_node := v_nodes[n];
    select coalesce(jsonb_object_agg(c.type, c.indexes), '{}') into v_choices
    from (
      select t.type, jsonb_agg(a.index order by a.n) as indexes
      from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
      cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
      cross join unnest(c_types) as t (type)
      where case
        when jsonb_typeof(b.node) = 'boolean' then b.node = 'true'
        else (
          (b.node -> 'type' ? t.type) is not false or t.type = 'number' and b.node -> 'type' ? 'integer'
        )
        and (
          not b.node ? 'enum'
          or exists (
            select 1 from jsonb_array_elements(b.node -> 'enum') as e where jsonb_typeof(e.value) = t.type
          )
        )
      end
      group by t.type
    ) as c;
    v_discriminator := (
      select jsonb_build_object('property', d.property, 'branches', d.branches)
      from (
        select r.property, jsonb_object_agg(e.value::text, a.n - 1) as branches
        from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
        cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
        cross join lateral jsonb_array_elements_text(b.node -> 'required') as r (property)
        cross join lateral (
          select v_nodes[(b.node -> 'properties' -> r.property)::integer + 1] -> 'enum'
        ) as p (enum)
        cross join lateral jsonb_array_elements(coalesce(p.enum, '[]')) as e
        group by r.property
        having count(distinct a.n) = jsonb_array_length(coalesce(v_node -> 'anyOf', v_node -> 'oneOf'))
          and count(*) = count(distinct e.value)
          and bool_and(jsonb_typeof(e.value) = 'string')
        limit 1
      ) as d
    );
    v_nodes[n] := v_node || jsonb_strip_nulls(
      jsonb_build_object(
        'choices', v_choices,
        'discriminator', v_discriminator,
        'accepts', (
          select coalesce(jsonb_agg(t.type), '[]')
          from unnest(v_frees[n]::text[]) as t (type)
          where (v_node -> 'type' ? t.type) is not false
            and (v_node ? 'anyOf' or jsonb_array_length(v_choices -> t.type) = 1)
            and exists (
              select 1
              from jsonb_array_elements(v_choices -> t.type) as c (index)
              where coalesce(
                v_nodes[c.index::integer + 1] -> 'accepts' ? t.type,
                v_nodes[c.index::integer + 1] = 'true'
              )
            )
        )
      )
    );
  end loop;
  return to_jsonb(v_nodes);
end;
$$;
