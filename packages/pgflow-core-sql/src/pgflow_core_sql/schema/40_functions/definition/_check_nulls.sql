-- _check_nulls: refuse a step whose result, or an item of it, may be null, if its schema allows none.
-- So it is with a map that skips items which fail, and with a signal whose time can be over: nothing else
-- holds these nulls against the schema.
-- Called by: deploy, when the schemas are stored.
-- Locks:     none.
-- Raises:    PF206.
-- Returns:   nothing.
create or replace function pgflow._check_nulls(p_flow jsonb, p_at text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  select
    s.value ->> 'slug' as step_slug, s.ordinality - 1 as step_index,
    coalesce(s.value -> 'over', 'null') <> 'null' as is_map
  into v_wrong
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where (
    coalesce(s.value -> 'over', 'null') <> 'null' and s.value ->> 'on_failure' = 'skip'
    or s.value ->> 'kind' = 'signal' and s.value #> '{options,timeout_seconds}' <> 'null'
  )
  and pgflow._check_value(pgflow._schema_id(pgflow._task_schema(s.value)), 'null') is not null
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format(
        '%s/steps/%s/result_schema%s', p_at, v_wrong.step_index, case when v_wrong.is_map then '/items' else '' end
      ),
      case when v_wrong.is_map then format(
        'flow %L: map step %L skips items that fail, so its list has nulls, and "items" must allow null',
        p_flow ->> 'slug', v_wrong.step_slug
      )
      else format(
        'flow %L: signal %L has a timeout, after which its result is null, which its schema must allow',
        p_flow ->> 'slug', v_wrong.step_slug
      )
      end
    );
  end if;
end;
$$;
