-- _check_flow: refuse a flow whose parts are missing or contradict each other.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF201 slug; PF203 option; PF204 cycle; PF205 unknown dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_flow(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_step jsonb;
  v_index integer;
  v_twice text;
begin
  if jsonb_typeof(p_flow) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'a flow must be a JSON object');
  end if;
  perform pgflow._check_slug(p_flow -> 'slug', p_at || '/slug');
  perform pgflow._check_digest(p_flow -> 'digest', p_at || '/digest');
  if jsonb_typeof(p_flow -> 'payload_schema') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/payload_schema', format('flow %L: must be a JSON Schema object', v_slug)
    );
  end if;
  if jsonb_typeof(p_flow -> 'description') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/description', format('flow %L: must be a string', v_slug)
    );
  end if;
  if jsonb_typeof(p_flow -> 'client_startable') <> 'boolean' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/client_startable', format('flow %L: must be true or false', v_slug)
    );
  end if;
  perform pgflow._check_options(p_flow -> 'options', p_at || '/options', false);
  if jsonb_typeof(p_flow -> 'steps') is distinct from 'array' or p_flow -> 'steps' = '[]' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/steps', format('flow %L: must be an array with at least one step', v_slug)
    );
  end if;
  for v_step, v_index in
    select s.value, s.ordinality - 1
    from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  loop
    perform pgflow._check_step(v_step, format('%s/steps/%s', p_at, v_index), v_slug);
  end loop;
  select s.value ->> 'slug', max(s.ordinality) - 1 into v_twice, v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  group by s.value ->> 'slug'
  having count(*) > 1
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format('%s/steps/%s/slug', p_at, v_index),
      format('flow %L: more than one step has the slug %L', v_slug, v_twice)
    );
  end if;
  perform pgflow._check_graph(p_flow, p_at);
  perform pgflow._check_failure_handler(p_flow, p_at);
end;
$$;
