-- _under: the errors of a part as errors of the whole.
-- Called by: _walk, _walk_array, _walk_combined, _walk_more, _walk_tag_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors with the key or index of the part before each `at`.
create or replace function pgflow._under(p_key text, p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then coalesce(
      jsonb_agg(
        e.value || jsonb_build_object(
          'at',
          pgflow._pointer('', case when length(p_key) > 200 then left(p_key, 200) || '…' else p_key end)
          || (e.value ->> 'at')
        )
        order by e.ordinality
      ),
      '[]'
    )
  end
  from jsonb_array_elements(p_errors) with ordinality as e;
$$;
