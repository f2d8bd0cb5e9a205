-- _check_waiting: refuse a signal or sleep with arguments or a policy for failures that it cannot have, a sleep
-- without end, and an end in another step.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 end at the result of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_waiting(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := coalesce(p_step ->> 'kind', 'single');
  v_seconds constant jsonb := nullif(p_step -> 'seconds', 'null');
  v_until constant jsonb := nullif(p_step -> 'until', 'null');
begin
  if v_kind in ('signal', 'sleep') and coalesce(p_step -> 'inputs', '{}') <> '{}' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: a %s has no handler, and takes no arguments', p_flow_slug, v_kind)
    );
  end if;
  -- The timeout of a signal is a result, and only an end that is computed can turn out to be no time.
  if (v_kind = 'signal' or v_kind = 'sleep' and v_until is null) and p_step ->> 'on_failure' <> 'fail' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/on_failure',
      format('flow %L: such a %s cannot fail, and has no policy for it', p_flow_slug, v_kind)
    );
  end if;
  if v_kind <> 'sleep' then
    if coalesce(v_seconds, v_until) is not null then
      perform pgflow._raise_manifest_invalid(
        'PF206',
        p_at || case when v_seconds is null then '/until' else '/seconds' end,
        format('flow %L: only a sleep says how long it takes', p_flow_slug)
      );
    end if;
    return;
  end if;
  if (v_seconds is null) = (v_until is null) then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format('flow %L: a sleep says either for how many "seconds" or "until" when', p_flow_slug)
    );
  elsif v_until is not null then
    perform pgflow._check_source(v_until, p_at || '/until', p_step, p_flow_slug, array['payload', 'result']);
  elsif jsonb_typeof(v_seconds) <> 'number' or v_seconds < '0' or v_seconds > '3155760000' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/seconds', format('flow %L: must be a number of 0 to 3155760000', p_flow_slug)
    );
  end if;
end;
$$;
