-- _walk_choice: does a value fit one of several alternatives, or exactly one of them.
-- Called by: _walk, _walk_combined.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk. Of many alternatives, only the errors of the closest are told.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_choice(
  p_program jsonb,
  p_node jsonb,
  p_keyword text,  -- anyOf or oneOf
  p_choices jsonb,  -- the alternatives that are left after a look at the type of the value
  p_value jsonb,
  p_wanted integer,
  p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_index jsonb;
  v_found jsonb;
  v_fitting jsonb[] := '{}';
  v_closest jsonb;
  v_closest_index jsonb;
  v_tag text := p_node #>> '{discriminator,property}';
begin
  if jsonb_typeof(p_value) = 'object' and v_tag is not null then
    return pgflow._walk_tag_errors(p_node, p_value -> v_tag, v_tag, p_keyword, p_wanted);
  end if;
  for v_index in select c.value from jsonb_array_elements(p_choices) as c loop
    v_found := pgflow._walk(p_program, p_program -> v_index::integer, p_value, p_wanted, p_deadline);
    if v_found is null then
      if p_keyword = 'anyOf' then
        return null;
      end if;
      v_fitting := v_fitting || v_index;
      exit when cardinality(v_fitting) > 1;
    elsif v_closest is null or jsonb_array_length(v_found) < jsonb_array_length(v_closest) then
      v_closest := v_found;
      v_closest_index := v_index;
    end if;
  end loop;
  if cardinality(v_fitting) = 1 then
    return null;
  elsif p_wanted <= 0 then
    return '[]';
  end if;
  return pgflow._walk_choice_errors(
    p_program, p_node, p_keyword, p_choices, p_value, v_fitting, v_closest_index, v_closest
  );
end;
$$;
