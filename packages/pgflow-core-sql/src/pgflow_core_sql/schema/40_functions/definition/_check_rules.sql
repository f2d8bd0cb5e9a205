-- _check_rules: refuse a step whose condition, or what follows from it or from a failure, is wrong.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_rules(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  select r.key, r.allowed into v_wrong
  from (
    values
    ('when_unmet', '["skip", "skip_cascade", "fail"]'::jsonb),
    ('on_failure', '["fail", "skip", "skip_cascade"]')
  ) as r (key, allowed)
  where p_step ? r.key and not r.allowed @> jsonb_build_array(p_step -> r.key);
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/%s', p_at, v_wrong.key),
      format('flow %L: must be one of %s', p_flow_slug, v_wrong.allowed)
    );
  end if;
  if coalesce(p_step -> 'when', 'null') <> 'null' then
    perform pgflow._check_condition(p_step -> 'when', p_at || '/when', p_step, p_flow_slug);
  elsif p_step -> 'when_unmet' <> '"skip"' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/when_unmet',
      format('flow %L: says what follows when a condition does not hold, and there is no condition', p_flow_slug)
    );
  end if;
end;
$$;
