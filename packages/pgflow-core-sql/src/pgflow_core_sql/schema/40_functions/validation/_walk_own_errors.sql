-- _walk_own_errors: what does not fit about a value itself, not about what is in it.
-- Called by: _walk, when the value does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors; an empty array when none is wanted.
create or replace function pgflow._walk_own_errors(
  p_node jsonb, p_value jsonb, p_wanted integer
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := jsonb_typeof(p_value);
  v_errors jsonb := '[]';
begin
  if p_wanted <= 0 then
    return v_errors;
  end if;
  if p_node = 'false' then
    return pgflow._error_item('', 'false', 'no value is allowed here');
  end if;
  if (p_node -> 'type' ? v_kind) is false
    and not (p_node -> 'type' ? 'integer' and v_kind = 'number' and jsonb_path_exists(p_value, '$ ? (@ % 1 == 0)'))
  then
    return pgflow._error_item(
      '',
      'type',
      format(
        'expected %s, got %s',
        (select string_agg(t.type, ' or ') from jsonb_array_elements_text(p_node -> 'type') as t (type)),
        case when p_node -> 'type' ? 'integer' and v_kind = 'number' then pgflow._show(p_value) else v_kind end
      )
    );
  end if;
  if p_node ? 'enum' and not pgflow._in_enum(p_node -> 'enum', p_value) then
    return pgflow._error_item('', 'enum', pgflow._not_one_of(p_value, p_node -> 'enum'));
  end if;

  if v_kind = 'string' then
    v_errors := pgflow._walk_count_errors(p_node, 'Length', length(p_value #>> '{}'), p_wanted);
    if p_value #>> '{}' !~ (p_node ->> 'pattern') then
      v_errors := v_errors || pgflow._error_item(
        '',
        'pattern',
        format(
          '%s does not match the pattern %s',
          pgflow._show(p_value), coalesce(p_node ->> 'pattern_text', p_node ->> 'pattern')
        )
      );
    end if;
  elsif v_kind = 'array' then
    v_errors := pgflow._walk_count_errors(p_node, 'Items', jsonb_array_length(p_value), p_wanted);
  elsif v_kind = 'number' then
    v_errors := (
      select coalesce(
        jsonb_agg(
          e.item -> 0
        ),
        '[]'
      )
      from (
        values
        ('minimum', p_value < p_node -> 'minimum', 'is less than'),
        ('maximum', p_value > p_node -> 'maximum', 'is greater than'),
        ('exclusiveMinimum', p_value <= p_node -> 'exclusiveMinimum', 'is not greater than'),
        ('exclusiveMaximum', p_value >= p_node -> 'exclusiveMaximum', 'is not less than'),
        (
          'multipleOf', p_value::numeric % (p_node -> 'multipleOf')::numeric <> 0, 'is not a multiple of'
        )
      ) as l (keyword, broken, words)
      cross join lateral (
        select pgflow._error_item(
          '', l.keyword, concat_ws(' ', pgflow._show(p_value), l.words, pgflow._show(p_node -> l.keyword))
        )
      ) as e (item)
      where l.broken
    );
  elsif v_kind = 'object' then
    v_errors := (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'at', '', 'keyword', 'required', 'message', 'missing property ' || pgflow._show(r.value)
          )
          order by r.ordinality
        ),
        '[]'
      )
      from jsonb_array_elements(coalesce(p_node -> 'required', '[]')) with ordinality as r
      where not p_value ? (r.value #>> '{}')
    );
  end if;
  return v_errors;
end;
$$;
