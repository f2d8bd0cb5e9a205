-- _walk_count_errors: the error of having too few or too many of something.
-- Called by: _walk_array, _walk_more, _walk_own_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error or none; an empty array when none is wanted.
create or replace function pgflow._walk_count_errors(
  p_node jsonb,
  p_of text,  -- how the keywords end: Length, Items, Properties, Contains
  p_count integer,
  p_wanted integer
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    when p_of = 'Contains' and p_count < coalesce((p_node -> 'minContains')::integer, 1)
      then pgflow._error_item(
        '',
        case when p_node ? 'minContains' then 'minContains' else 'contains' end,
        format('%s items fit, at least %s must', p_count, coalesce(p_node ->> 'minContains', '1'))
      )
    when p_of = 'Contains'
      then pgflow._error_item(
        '', 'maxContains', format('%s items fit, at most %s may', p_count, p_node ->> 'maxContains')
      )
    when p_count < (p_node -> ('min' || p_of))::integer
      then pgflow._error_item(
        '',
        'min' || p_of,
        format(
          case p_of when 'Length' then 'shorter than %s characters (%s)' else 'fewer than %s ' || w.word || ' (%s)' end,
          p_node ->> ('min' || p_of), p_count
        )
      )
    when p_count > (p_node -> ('max' || p_of))::integer
      then pgflow._error_item(
        '',
        'max' || p_of,
        format(
          case p_of when 'Length' then 'longer than %s characters (%s)' else 'more than %s ' || w.word || ' (%s)' end,
          p_node ->> ('max' || p_of), p_count
        )
      )
    else '[]'
  end
  from (select lower(p_of)) as w (word);
$$;
