-- _check_skipped_items: refuse a map step that puts null in the place of an item, if its list may have none.
-- Called by: deploy, when the schemas are stored.
-- Locks:     none.
-- Raises:    PF206.
-- Returns:   nothing.
create or replace function pgflow._check_skipped_items(p_flow jsonb, p_at text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  select s.value ->> 'slug' as step_slug, s.ordinality - 1 as step_index into v_wrong
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where coalesce(s.value -> 'over', 'null') <> 'null'
    and s.value ->> 'on_failure' = 'skip'
    and pgflow._check_value(pgflow._schema_id(pgflow._task_schema(s.value)), 'null') is not null
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format('%s/steps/%s/result_schema/items', p_at, v_wrong.step_index),
      format(
        'flow %L: map step %L skips items that fail, so its list has nulls, and "items" must allow null',
        p_flow ->> 'slug', v_wrong.step_slug
      )
    );
  end if;
end;
$$;
