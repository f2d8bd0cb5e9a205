-- _unexpected: the error of a property or item that must not be there.
-- Called by: _walk, _walk_array, _walk_combined, _walk_more.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error at the property or item itself; an empty array when none is wanted.
create or replace function pgflow._unexpected(
  p_wanted integer, p_node jsonb, p_key text, p_keyword text default null
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    else pgflow._error_item(
      '',
      k.keyword,
      case when k.keyword ~* 'items$' then 'unexpected item' else 'unexpected property' end
    )
  end
  from (
    select coalesce(
      p_keyword,
      case
        when p_node -> 'properties' ? p_key then 'properties'
        when p_node ? 'additionalProperties' then 'additionalProperties'
        when jsonb_array_length(p_node -> 'prefixItems') > p_key::integer then 'prefixItems'
        else 'items'
      end
    )
  ) as k (keyword);
$$;
