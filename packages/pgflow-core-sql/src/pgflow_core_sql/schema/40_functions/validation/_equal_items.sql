-- _equal_items: the error of an array with two equal items.
-- Called by: _walk_array.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error; null when the items differ.
create or replace function pgflow._equal_items(p_value jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._error_item(
    '', 'uniqueItems', format('items %s and %s are equal', min(e.ordinality) - 1, max(e.first_two) - 1)
  )
  from (
    select
      a.value, a.ordinality,
      case when row_number() over (partition by a.value order by a.ordinality) = 2 then a.ordinality end as first_two
    from jsonb_array_elements(p_value) with ordinality as a
  ) as e
  group by e.value
  having count(*) > 1
  order by min(e.ordinality)
  limit 1;
$$;
