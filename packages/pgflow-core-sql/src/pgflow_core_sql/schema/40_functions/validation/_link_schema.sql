-- _link_schema: a schema as a flat program, with nothing left to look up or to resolve.
-- Called by: _compile_schema, _recompile_schemas, validate.
-- Locks:     none.
-- Raises:    PF211 for a reference that leads nowhere or in a circle, a pattern that is refused, and a
--            schema beyond the limits below. That keywords have values of the right type is for
--            _check_schema to say, before.
-- Returns:   the program, a JSON array of nodes; node 0 is the schema itself.
--
-- A node is `true`, `false`, or an object with the keywords of one schema in canonical form:
--   * each subschema is replaced by the index of its node: `"items": 3`, `"anyOf": [4, 5]`,
--     `"properties": {"a": 6}`; likewise `prefixItems`, `contains`, `not`, `if`, `then`, `else`,
--     `allOf`, `oneOf`, `propertyNames`, `patternProperties`, `additionalProperties`,
--     `dependentSchemas`, `unevaluatedItems`, `unevaluatedProperties`. Several may have one index, and
--     a recursive schema leads back to an earlier one;
--   * `"ref": 7` is `$ref` or `$dynamicRef`; a schema that is nothing but a reference has no node of
--     its own, its index is that of its target. With both in one schema, `allOf` holds the second;
--   * `type` is an array, without `integer` if it has `number`; `const` is `enum` of one, and with
--     both, `enum` is what they have in common; `enum` may be empty;
--   * `pattern` and the keys of `patternProperties` are advanced regular expressions of Postgres;
--   * `minLength` and its kin are whole numbers up to 2147483647; `minContains` and `maxContains` stand
--     only beside `contains`, `then` and `else` only beside `if`, `uniqueItems` only as true, `required`
--     never empty; annotations and `format` are gone; a schema of which nothing is left is `true`.
-- Names in snake_case are no keywords but what the walker would otherwise find out each time, see
-- _link_hints; and `pattern_text`, the pattern as it was written.
create or replace function pgflow._link_schema(
  p_schema jsonb,
  p_at text default '',  -- JSON pointer to the schema, for messages
  p_what text default 'the schema'
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off  -- as _explain says
as $$
declare
  c_levels constant integer := 64;
  c_nodes constant integer := 2000;
  c_in_place constant text[] := '{ref,allOf,anyOf,oneOf,not,if,then,else,dependentSchemas}';
  v_resources jsonb := pgflow._schema_resources(p_schema, '', p_at);
  v_known jsonb := '{}';  -- index by URI, JSON pointer and dynamic scope, of the targets of references
  v_nodes jsonb[] := '{}';
  -- what becomes nodes: the schema, where it is, what its dynamic references mean, how deep it is
  v_schemas jsonb[] := '{}';
  v_uris text[] := '{}';
  v_pointers text[] := '{}';
  v_scopes jsonb[] := '{}';
  v_depths integer[] := '{}';
  v_n integer := 0;  -- the first round is for the schema itself, which is no subschema
  v_schema jsonb := '{}';
  v_node jsonb := '{}';
  v_at text := p_at;
  v_ignored text[];
  v_keywords text[];
  v_names text[];
  v_indexes integer[];
  v_sub record;
  v_place record;
  v_loaded jsonb;
  v_key text;
  v_index integer;
  v_may_loop boolean := false;
begin
  loop
    if v_n > 0 then
      v_schema := v_schemas[v_n];
      v_at := concat(v_resources #>> array[v_uris[v_n], 'at'], v_pointers[v_n]);
      if v_resources #> array[v_uris[v_n], 'schema'] ? '$schema' then
        v_ignored := pgflow._ignored_keywords(v_resources #> array[v_uris[v_n], 'schema'], v_at, p_what);
        if jsonb_typeof(v_schema) = 'object' and v_ignored is not null then
          v_schema := v_schema - v_ignored;
        end if;
      end if;
      v_node := pgflow._link_keywords(v_schema, v_at, p_what);
    end if;
    v_keywords := '{}';
    v_names := '{}';
    v_indexes := '{}';
    for v_sub in
      select
        s.keyword, s.name, s.schema,
        coalesce(v_uris[v_n], '') as uri,
        concat(v_pointers[v_n], pgflow._pointer('', nullif(s.keyword, 'ref')), pgflow._pointer('', s.name)) as pointer,
        coalesce(v_scopes[v_n], v_resources #> '{"",dynamic}', '{}') as scope
      from (
        select null as keyword, null as name, p_schema as schema
        where v_n = 0
        union all
        select
          case when k.key = '$ref' or not v_schema ? '$ref' then 'ref' else 'allOf' end,
          null,
          jsonb_build_object(k.key, k.value)
        from jsonb_each(case jsonb_typeof(v_schema) when 'object' then v_schema else '{}' end) as k
        where k.key in ('$ref', '$dynamicRef')
        union all
        select u.* from pgflow._subschemas(v_node) as u
      ) as s
    loop
      v_key := null;
      if v_n = 0 or v_sub.schema ?| '{$id,$ref,$dynamicRef}' then
        v_place := pgflow._link_target(v_resources, v_sub.schema, v_sub.uri, v_sub.pointer, v_sub.scope, p_what);
        v_resources := coalesce(v_place.resources, v_resources);
        v_sub.schema := v_place.schema;
        v_sub.uri := v_place.uri;
        v_sub.pointer := v_place.pointer;
        v_sub.scope := v_place.scope;
        if v_n = 0 or v_place.is_target then
          v_key := concat(v_sub.uri, '#', v_sub.pointer, nullif(v_sub.scope, '{}'));
        end if;
      end if;
      v_index := v_known ->> v_key;
      if v_index is null then
        v_index := cardinality(v_schemas);
        v_schemas := v_schemas || v_sub.schema;
        v_uris := v_uris || v_sub.uri;
        v_pointers := v_pointers || v_sub.pointer;
        v_scopes := v_scopes || v_sub.scope;
        v_depths := v_depths || case when v_key is null then v_depths[v_n] + 1 else 0 end;
        if v_key is not null then
          v_known := v_known || jsonb_build_object(v_key, v_index);
        end if;
      elsif v_sub.keyword = any (c_in_place) and v_index < v_n then
        v_may_loop := true;
      end if;
      v_keywords := v_keywords || v_sub.keyword;
      v_names := v_names || v_sub.name;
      v_indexes := v_indexes || v_index;
    end loop;
    if v_n > 0 then
      v_nodes := v_nodes || pgflow._link_node(v_node, v_keywords, v_names, v_indexes);
    end if;
    v_n := v_n + 1;
    exit when v_n > cardinality(v_schemas);
    if v_depths[v_n] > c_levels or v_n > c_nodes then
      perform pgflow._raise_schema_invalid(
        p_what,
        pgflow._error_item(
          p_at, 'limit',
          case
            when v_n > c_nodes then format('more than %s schemas in one, references followed', c_nodes)
            else format('more than %s schemas inside each other', c_levels)
          end
        )
      );
    end if;
  end loop;
  if v_may_loop then
    perform pgflow._check_loops(v_nodes, p_at, p_what);
  end if;
  return pgflow._link_hints(v_nodes);
end;
$$;
