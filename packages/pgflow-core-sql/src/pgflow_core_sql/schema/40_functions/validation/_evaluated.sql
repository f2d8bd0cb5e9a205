-- _evaluated: which properties or items of a value the keywords of a node have looked at.
-- What `unevaluatedProperties` and `unevaluatedItems` ask. It is found out only then, and only for
-- a value that fits the node, so that all other schemas pay nothing for it.
-- Called by: _walk_combined, and itself.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   the keys, or the indexes as text; some may come twice.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._evaluated(
  p_program jsonb, p_node jsonb, p_value jsonb, p_deadline timestamptz
) returns text []
language plpgsql stable
as $$
declare
  v_seen text[];
  v_index jsonb;
begin
  if jsonb_typeof(p_node) <> 'object' then
    return '{}';
  end if;
  v_seen := array(
    select m.key
    from pgflow._members(p_value) as m
    where case jsonb_typeof(p_value)
      when 'object' then
        p_node ?| '{additionalProperties,unevaluatedProperties}'
        or p_node -> 'properties' ? m.key
        or exists (
          select 1
          from jsonb_object_keys(p_node -> 'patternProperties') as p (key)
          where pgflow._name_matches(m.key, p.key, p_deadline)
        )
      else
        p_node ?| '{items,unevaluatedItems}'
        or m.key::integer < jsonb_array_length(p_node -> 'prefixItems')
        or p_node ? 'contains'
        and pgflow._walk(p_program, p_program -> (p_node -> 'contains')::integer, m.value, 0, p_deadline) is null
    end
  );
  for v_index in
    select s.index
    from jsonb_each(p_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'if')
      union all
      select k.value
      where k.key in ('then', 'else')
        and (k.key = 'then') = (
          pgflow._walk(p_program, p_program -> (p_node -> 'if')::integer, p_value, 0, p_deadline) is null
        )
      union all
      select a.value from jsonb_array_elements(case when k.key in ('allOf', 'anyOf', 'oneOf') then k.value end) as a
      union all
      select d.value
      from jsonb_each(case when k.key = 'dependentSchemas' then k.value end) as d
      where jsonb_typeof(p_value) = 'object' and p_value ? d.key  -- ? asks an array for its items
    ) as s (index)
    where k.key not in ('anyOf', 'oneOf', 'if')
      or pgflow._walk(p_program, p_program -> s.index::integer, p_value, 0, p_deadline) is null
  loop
    v_seen := v_seen || pgflow._evaluated(p_program, p_program -> v_index::integer, p_value, p_deadline);
  end loop;
  return v_seen;
end;
$$;
