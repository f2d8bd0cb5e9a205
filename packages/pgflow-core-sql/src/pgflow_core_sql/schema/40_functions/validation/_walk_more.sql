-- _walk_more: the rarer keywords for what is in an object.
-- Called by: _walk, when the node has such keywords.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_more(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_errors jsonb;
  v_found jsonb;
  v_sub record;
  v_count integer;
begin
  if p_node ?| '{minProperties,maxProperties}' then
    v_count := (select count(*) from jsonb_object_keys(p_value));
    if v_count < (p_node -> 'minProperties')::integer or v_count > (p_node -> 'maxProperties')::integer then
      v_errors := pgflow._walk_count_errors(p_node, 'Properties', v_count, p_wanted);
    end if;
  end if;
  -- everything that a property calls for: a schema for its value, its name or the whole object
  for v_sub in
    select e.key, e.value, s.keyword, s.index
    from jsonb_each(p_value) as e
    cross join lateral (
      select 'propertyNames' as keyword, p_node -> 'propertyNames' as index
      where p_node ? 'propertyNames'
      union all
      select 'patternProperties', p.value
      from jsonb_each(coalesce(p_node -> 'patternProperties', '{}')) as p
      where pgflow._name_matches(e.key, p.key, p_deadline)
      union all
      select 'additionalProperties', p_node -> 'additionalProperties'
      where p_node ?& '{patternProperties,additionalProperties}'
        and not coalesce(p_node -> 'properties' ? e.key, false)
        and not exists (
          select 1
          from jsonb_object_keys(p_node -> 'patternProperties') as p (key)
          where pgflow._name_matches(e.key, p.key, p_deadline)
        )
      union all
      select 'dependentSchemas', p_node -> 'dependentSchemas' -> e.key
      where p_node -> 'dependentSchemas' ? e.key
      union all
      select 'dependentRequired', d.value
      from jsonb_array_elements(coalesce(p_node -> 'dependentRequired' -> e.key, '[]')) as d
      where not p_value ? (d.value #>> '{}')
    ) as s
  loop
    if jsonb_array_length(v_errors) >= p_wanted then
      return v_errors;
    end if;
    v_count := p_wanted - coalesce(jsonb_array_length(v_errors), 0);
    v_found := case v_sub.keyword
      when 'dependentRequired' then pgflow._error_item(
        '', 'dependentRequired',
        format('missing property %s, which %s requires', pgflow._show(v_sub.index), pgflow._show(to_jsonb(v_sub.key)))
      )
      when 'dependentSchemas'
        then pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, v_count, p_deadline)
      when 'propertyNames' then pgflow._under_name(
        v_sub.key,
        pgflow._walk(p_program, p_program -> v_sub.index::integer, to_jsonb(v_sub.key), v_count, p_deadline)
      )
      else pgflow._under(
        v_sub.key,
        case
          when p_program -> v_sub.index::integer = 'false'
            then pgflow._unexpected(v_count, p_node, v_sub.key, v_sub.keyword)
          else pgflow._walk(p_program, p_program -> v_sub.index::integer, v_sub.value, v_count, p_deadline)
        end
      )
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || v_found;
    end if;
  end loop;
  return v_errors;
end;
$$;
