-- _check_map: refuse a map, of tasks or of sub-flows, without list, item or list of results, and any of these
-- in another step.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 list of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_map(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema jsonb := p_step -> 'result_schema';
  v_of_item text;
  v_further text;
begin
  select i.key into v_of_item
  from jsonb_each(coalesce(p_step -> 'inputs', '{}')) as i
  where i.value ->> 'source' = 'each'
  limit 1;

  if p_step ->> 'kind' is distinct from 'map'
    and (p_step ->> 'kind' is distinct from 'flow' or coalesce(p_step -> 'over', 'null') = 'null')
  then
    if coalesce(p_step -> 'over', 'null') <> 'null' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/over',
        format('flow %L: only a map step, and one that starts flows, goes over a list', p_flow_slug)
      );
    end if;
    if v_of_item is not null then
      perform pgflow._raise_manifest_invalid(
        'PF206',
        pgflow._pointer(p_at || '/inputs', v_of_item),
        format('flow %L: only an argument of a map step takes an item', p_flow_slug)
      );
    end if;
    return;
  end if;

  perform pgflow._check_source(
    p_step -> 'over', p_at || '/over', p_step, p_flow_slug, array['payload', 'result']
  );
  if v_of_item is null then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: no argument of the map step takes the item', p_flow_slug)
    );
  end if;
  if v_schema -> 'type' is distinct from '"array"' or jsonb_typeof(v_schema -> 'items') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      p_at || '/result_schema',
      format('flow %L: a map step returns a list: the type must be "array", and "items" a schema', p_flow_slug)
    );
  end if;
  -- Each result is checked when it comes, and the list that is made of them not again.
  select k.key into v_further
  from jsonb_object_keys(v_schema) as k (key)
  where k.key not in (
    'type', 'items', '$defs', '$schema', '$id', '$comment', 'title', 'description', 'default',
    'examples', 'deprecated', 'readOnly', 'writeOnly'
  )
  limit 1;
  if v_further is not null then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      pgflow._pointer(p_at || '/result_schema', v_further),
      format('flow %L: the list of a map step has as many items as the list that it goes over, '
        'so its schema may say of what kind they are, and no more', p_flow_slug)
    );
  end if;
end;
$$;
