-- _check_graph: refuse deps that do not exist and steps that wait for each other in a circle.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF204 cycle; PF205 unknown dep.
-- Returns:   nothing.
create or replace function pgflow._check_graph(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left jsonb := '{}';  -- the steps not yet removed: slug -> its deps among them
  v_free text[];
  v_wrong record;
begin
  select jsonb_object_agg(s.value ->> 'slug', coalesce(s.value -> 'deps', '[]')) into v_left
  from jsonb_array_elements(p_flow -> 'steps') as s;

  select s.ordinality - 1 as step_index, s.value ->> 'slug' as step_slug, d.value as dep
  into v_wrong
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  cross join lateral jsonb_array_elements_text(coalesce(s.value -> 'deps', '[]')) as d
  where not v_left ? d.value
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF205',
      format('%s/steps/%s/deps', p_at, v_wrong.step_index),
      format(
        'flow %L: step %L waits for %L, which the flow does not have',
        p_flow ->> 'slug', v_wrong.step_slug, v_wrong.dep
      ),
      jsonb_build_object('step', v_wrong.step_slug, 'dep', v_wrong.dep)
    );
  end if;

  -- Kahn (1962): take away the steps that wait for nothing until none is left, or only circles.
  while v_left <> '{}' loop
    v_free := array(select s.key from jsonb_each(v_left) as s where s.value = '[]');
    if cardinality(v_free) = 0 then
      perform pgflow._raise_manifest_invalid(
        'PF204',
        p_at || '/steps',
        format(
          'flow %L: these steps wait for each other in a circle, or for one that does: %s',
          p_flow ->> 'slug',
          (select string_agg(k.key, ', ' order by k.key) from jsonb_object_keys(v_left) as k (key))
        ),
        jsonb_build_object('steps', (
          select jsonb_agg(k.key order by k.key) from jsonb_object_keys(v_left) as k (key)
        ))
      );
    end if;
    select coalesce(jsonb_object_agg(s.key, s.value - v_free), '{}') into v_left
    from jsonb_each(v_left) as s
    where s.key <> all (v_free);
  end loop;
end;
$$;
