-- _check_flow_step: refuse a step that starts no flow or takes more than a payload, and a sub-flow in another.
-- Whether the sub-flow exists is seen when the step starts: it may be deployed later.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_flow_step(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
begin
  if p_step ->> 'kind' is distinct from 'flow' then
    select k.key into v_key
    from unnest('{flow,flow_step}'::text[]) as k (key)
    where coalesce(p_step -> k.key, 'null') <> 'null';
    if found then
      perform pgflow._raise_manifest_invalid(
        'PF206', format('%s/%s', p_at, v_key),
        format('flow %L: only a step of the kind "flow" starts a sub-flow', p_flow_slug)
      );
    end if;
    return;
  end if;
  if not coalesce(pgflow._is_slug(p_step ->> 'flow'), false) then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/flow', format('flow %L: must be the slug of the flow that the step starts', p_flow_slug)
    );
  elsif not coalesce(pgflow._is_slug(p_step ->> 'flow_step'), coalesce(p_step -> 'flow_step', 'null') = 'null') then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/flow_step', format('flow %L: must be the slug of a step of the sub-flow', p_flow_slug)
    );
  elsif (select coalesce(array_agg(i.key), '{}') from jsonb_object_keys(p_step -> 'inputs') as i (key))
    <> array['payload']
  then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs',
      format('flow %L: a step that starts a flow has the one argument "payload"', p_flow_slug)
    );
  end if;
end;
$$;
