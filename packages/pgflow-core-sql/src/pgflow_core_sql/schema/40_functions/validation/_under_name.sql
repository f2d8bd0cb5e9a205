-- _under_name: the errors of the name of a property as errors of the object.
-- Called by: _walk_more.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors.
create or replace function pgflow._under_name(p_name text, p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then coalesce(
      jsonb_agg(
        jsonb_build_object(
          'at', '',
          'keyword', 'propertyNames',
          'message', format('property name %s: %s', pgflow._show(to_jsonb(p_name)), e.value ->> 'message')
        )
        order by e.ordinality
      ),
      '[]'
    )
  end
  from jsonb_array_elements(p_errors) with ordinality as e;
$$;
