-- _check_failure_handler: refuse a failure handler that is not the only one, the last step and out of the graph.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF205 result of a step that the flow does not have; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_failure_handler(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_last integer := jsonb_array_length(p_flow -> 'steps') - 1;
  v_handler jsonb;
  v_index integer;
  v_wrong text;
begin
  select s.value, s.ordinality - 1 into v_handler, v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where s.value ->> 'kind' = 'failure'
  order by s.ordinality
  limit 1;
  if not found then
    return;
  end if;
  if v_index < v_last then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s', p_at, v_index),
      format('flow %L: a flow has one failure handler at most, and it is the last of its steps', v_slug)
    );
  elsif v_last = 0 then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/steps', format('flow %L: has a failure handler and no step that can fail', v_slug)
    );
  end if;
  select k.key into v_wrong
  from (
    values ('deps', '[]'::jsonb), ('when', 'null'), ('when_unmet', '"skip"'), ('on_failure', '"fail"')
  ) as k (key, nothing)
  where coalesce(v_handler -> k.key, k.nothing) <> k.nothing
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s/%s', p_at, v_index, v_wrong),
      format('flow %L: a failure handler waits for no step and has no condition and no policy', v_slug)
    );
  end if;
  select s.ordinality - 1 into v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where s.value -> 'deps' ? (v_handler ->> 'slug')
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s/deps', p_at, v_index),
      format('flow %L: no step can wait for the failure handler %L', v_slug, v_handler ->> 'slug')
    );
  end if;
  select i.key into v_wrong
  from jsonb_each(coalesce(v_handler -> 'inputs', '{}')) as i
  where i.value ->> 'source' = 'result'
    and not exists (
      select 1
      from jsonb_array_elements(p_flow -> 'steps') as s
      where s.value -> 'slug' = i.value -> 'step' and s.value ->> 'kind' is distinct from 'failure'
    )
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF205', pgflow._pointer(format('%s/steps/%s/inputs', p_at, v_last), v_wrong) || '/step',
      format('flow %L: the step that is named here is none of its others', v_slug)
    );
  end if;
end;
$$;
