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
  v_at text;
begin
  if jsonb_typeof(p_step) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'a step must be a JSON object');
  end if;
  perform pgflow._check_slug(p_step -> 'slug', p_at || '/slug');
  perform pgflow._check_digest(p_step -> 'digest', p_at || '/digest');
  perform pgflow._check_options(p_step -> 'options', p_at || '/options', true);
  if coalesce(p_step ->> 'kind', 'single') <> 'single' then
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
    v_at := pgflow._pointer(p_at || '/inputs', v_input.key);
    if jsonb_typeof(v_input.value) <> 'object'
      or coalesce(v_input.value ->> 'source', '') not in ('payload', 'result')
      or jsonb_typeof(coalesce(v_input.value -> 'path', '[]')) <> 'array'
      or exists (
        select 1
        from jsonb_array_elements(coalesce(v_input.value -> 'path', '[]')) as part
        where jsonb_typeof(part.value) not in ('string', 'number')
      )
    then
      perform pgflow._raise_manifest_invalid(
        'PF206',
        v_at,
        format('flow %L: must name its source, "payload" or "result", and its path', p_flow_slug)
      );
    end if;
    if v_input.value ->> 'source' = 'result'
      and not coalesce(p_step -> 'deps' ? (v_input.value ->> 'step'), false)
    then
      perform pgflow._raise_manifest_invalid(
        'PF205',
        v_at || '/step',
        format('flow %L: the step that is named here is not in deps', p_flow_slug)
      );
    end if;
  end loop;
end;
$$;
