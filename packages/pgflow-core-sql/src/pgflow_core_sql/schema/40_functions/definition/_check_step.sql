-- _check_step: refuse a step whose own parts are missing or wrong.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF201 slug; PF203 option; PF205 input of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_step(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_input record;
begin
  if jsonb_typeof(p_step) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'a step must be a JSON object');
  end if;
  perform pgflow._check_slug(p_step -> 'slug', p_at || '/slug');
  perform pgflow._check_digest(p_step -> 'digest', p_at || '/digest');
  perform pgflow._check_options(p_step -> 'options', p_at || '/options', true);
  if coalesce(p_step ->> 'kind', 'single') not in ('single', 'map', 'signal', 'sleep', 'flow', 'failure') then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/kind', format('flow %L: unknown kind of step', p_flow_slug)
    );
  end if;
  if jsonb_typeof(p_step -> 'description') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/description', format('flow %L: must be a string', p_flow_slug)
    );
  end if;
  if jsonb_typeof(p_step -> 'result_schema') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/result_schema', format('flow %L: must be a JSON Schema object', p_flow_slug)
    );
  end if;
  if jsonb_typeof(coalesce(p_step -> 'deps', '[]')) <> 'array'
    or exists (
      select 1
      from jsonb_array_elements(coalesce(p_step -> 'deps', '[]')) as d
      where jsonb_typeof(d.value) <> 'string'
    )
  then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/deps', format('flow %L: must be an array of step slugs', p_flow_slug)
    );
  end if;
  if jsonb_typeof(coalesce(p_step -> 'inputs', '{}')) <> 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: must be a JSON object', p_flow_slug)
    );
  end if;
  for v_input in
    select i.key, i.value from jsonb_each(coalesce(p_step -> 'inputs', '{}')) as i
  loop
    perform pgflow._check_source(
      v_input.value, pgflow._pointer(p_at || '/inputs', v_input.key),
      case
        -- It takes what there is of any step; _check_failure_handler looks whether the flow has it.
        when p_step ->> 'kind' = 'failure' then
          jsonb_build_object('deps', jsonb_build_array(v_input.value -> 'step'))
        else p_step
      end,
      p_flow_slug,
      case p_step ->> 'kind'
        when 'failure' then array['payload', 'result', 'error']
        else array['payload', 'result', 'each']
      end
    );
  end loop;
  perform pgflow._check_map(p_step, p_at, p_flow_slug);
  perform pgflow._check_waiting(p_step, p_at, p_flow_slug);
  perform pgflow._check_flow_step(p_step, p_at, p_flow_slug);
  perform pgflow._check_rules(p_step, p_at, p_flow_slug);
end;
$$;
