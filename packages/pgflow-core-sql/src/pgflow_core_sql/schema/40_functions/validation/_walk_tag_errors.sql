-- _walk_tag_errors: the error of an object whose tag is missing or names no alternative.
-- Called by: _walk_choice.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error, of the tag; an empty array when none is wanted.
create or replace function pgflow._walk_tag_errors(
  p_node jsonb,
  p_value jsonb,  -- of the tag; null when there is none
  p_tag text,  -- the name of the property
  p_keyword text,  -- anyOf or oneOf
  p_wanted integer
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    when p_value is null
      then pgflow._error_item('', 'required', 'missing property ' || pgflow._show(to_jsonb(p_tag)))
    else pgflow._under(
      p_tag,
      pgflow._error_item(
        '',
        p_keyword,
        pgflow._not_one_of(
          p_value,
          (
            select jsonb_agg(b.key::jsonb order by b.value, b.key)
            from jsonb_each(p_node #> '{discriminator,branches}') as b
          )
        )
      )
    )
  end;
$$;
