-- _check_options: refuse options out of their range; one that is missing or null has its default.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF203 out of range; PF206 unknown option.
-- Returns:   nothing.
create or replace function pgflow._check_options(
  p_options jsonb,
  p_at text,
  p_of_step boolean  -- a step has no payload and no deadline of its own; a flow does not wait, its steps do
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_option record;
begin
  if p_options is null then
    return;
  end if;
  if jsonb_typeof(p_options) <> 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'options must be a JSON object');
  end if;
  for v_option in
    select o.key, o.value, r.low, r.high, r.is_whole
    from jsonb_each(p_options) as o
    left join (
      values
      ('max_attempts', 1, 1000, true),
      ('base_delay_seconds', 0, 86400, false),
      ('max_delay_seconds', 0, 2592000, false),
      ('start_delay_seconds', 0, 31536000, false),
      ('jitter', 0, 1, false),
      ('timeout_seconds', 0.000001, 31536000, false),
      ('deadline_seconds', 0.000001, 315360000, false),
      ('max_payload_bytes', 1, 268435455, true),
      ('max_result_bytes', 1, 268435455, true)
    ) as r (key, low, high, is_whole)
      on r.key = o.key
      and r.key <> all (
        case
          when p_of_step then array['max_payload_bytes', 'deadline_seconds']
          else array['start_delay_seconds']
        end
      )
    where o.value <> 'null'
      and not (o.key = 'backoff' and o.value in ('"exponential"', '"fixed"'))
  loop
    if v_option.key = 'backoff' then
      perform pgflow._raise_manifest_invalid(
        'PF203', p_at || '/backoff', 'backoff must be "exponential" or "fixed"'
      );
    elsif v_option.low is null then
      perform pgflow._raise_manifest_invalid(
        'PF206', pgflow._pointer(p_at, v_option.key), 'there is no such option'
      );
    end if;
    if jsonb_typeof(v_option.value) <> 'number'
      or not (v_option.value #>> '{}')::numeric between v_option.low and v_option.high
      or (v_option.is_whole and (v_option.value #>> '{}')::numeric % 1 <> 0)
    then
      perform pgflow._raise_manifest_invalid(
        'PF203',
        pgflow._pointer(p_at, v_option.key),
        format(
          '%s is %s; it must be a %s between %s and %s',
          v_option.key, left(v_option.value::text, 100),
          case when v_option.is_whole then 'whole number' else 'number' end,
          v_option.low, v_option.high
        )
      );
    end if;
  end loop;
end;
$$;
