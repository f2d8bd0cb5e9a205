-- _check_source: refuse what does not say where a value comes from.
-- Called by: _check_step, _check_operand, _check_waiting, _check_map.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a source.
-- Returns:   nothing.
create or replace function pgflow._check_source(
  p_source jsonb, p_at text, p_step jsonb, p_flow_slug text, p_allowed text []
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_source) is distinct from 'object'
    or coalesce(p_source ->> 'source', '') <> all (p_allowed)
    or jsonb_typeof(coalesce(p_source -> 'path', '[]')) <> 'array'
    or exists (
      select 1
      from jsonb_array_elements(coalesce(p_source -> 'path', '[]')) as part
      where jsonb_typeof(part.value) not in ('string', 'number')
    )
  then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      p_at,
      format(
        'flow %L: must name its source, %s, and its path',
        p_flow_slug, (select string_agg(format('"%s"', a), ' or ') from unnest(p_allowed) as a)
      )
    );
  end if;
  if p_source ->> 'source' = 'result'
    and not coalesce(p_step -> 'deps' ? (p_source ->> 'step'), false)
  then
    perform pgflow._raise_manifest_invalid(
      'PF205',
      p_at || '/step',
      format('flow %L: the step that is named here is not in deps', p_flow_slug)
    );
  end if;
end;
$$;
