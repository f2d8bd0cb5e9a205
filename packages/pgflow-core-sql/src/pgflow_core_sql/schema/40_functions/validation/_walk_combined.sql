-- _walk_combined: every keyword that applies another schema to the same value.
-- Called by: _walk, when a node has several of them or a rare one.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_combined(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_kind constant text := jsonb_typeof(p_value);
  v_errors jsonb;
  v_found jsonb;
  v_sub record;
  v_seen text[];
  v_branch text;
begin
  if p_node ? 'if' then
    v_found := pgflow._walk(p_program, p_program -> (p_node -> 'if')::integer, p_value, 0, p_deadline);
    v_branch := case when v_found is null then 'then' else 'else' end;
  end if;
  for v_sub in
    select k.key, s.index
    from jsonb_each(p_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'not', 'anyOf', 'oneOf', v_branch)
      union all
      select a.value from jsonb_array_elements(case k.key when 'allOf' then k.value end) as a
    ) as s (index)
  loop
    v_found := case v_sub.key
      when 'not' then case
        when pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, 0, p_deadline) is null
          then pgflow._error_item('', 'not', 'fits what it must not fit')
      end
      when 'anyOf'
        then pgflow._walk_choice(p_program, p_node, 'anyOf', v_sub.index, p_value, p_wanted, p_deadline)
      when 'oneOf'
        then pgflow._walk_choice(p_program, p_node, 'oneOf', v_sub.index, p_value, p_wanted, p_deadline)
      else pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, p_wanted, p_deadline)
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || v_found;
      if jsonb_array_length(v_errors) >= p_wanted then
        return v_errors;
      end if;
    end if;
  end loop;
  if v_errors is not null
    or not (
      v_kind = 'object' and p_node ? 'unevaluatedProperties'
      or v_kind = 'array' and p_node ? 'unevaluatedItems'
    )
  then
    return v_errors;
  end if;

  v_seen := pgflow._evaluated(
    p_program, p_node - '{unevaluatedProperties,unevaluatedItems}'::text[], p_value, p_deadline
  );
  for v_sub in
    select m.key, m.value, k.keyword, p_program -> (p_node -> k.keyword)::integer as node
    from (values (case v_kind when 'object' then 'unevaluatedProperties' else 'unevaluatedItems' end)) as k (keyword)
    cross join pgflow._members(p_value) as m
    where m.key <> all (v_seen)
  loop
    v_found := case
      when v_sub.node = 'false' then pgflow._unexpected(p_wanted, p_node, v_sub.key, v_sub.keyword)
      else pgflow._walk(p_program, v_sub.node, v_sub.value, p_wanted, p_deadline)
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || pgflow._under(v_sub.key, v_found);
      if jsonb_array_length(v_errors) >= p_wanted then
        return v_errors;
      end if;
    end if;
  end loop;
  return v_errors;
end;
$$;
