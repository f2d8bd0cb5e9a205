-- _sleep_end: when a sleep is over.
-- Called by: _start_sleeps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time; null when the value that says it is neither seconds nor a time.
create or replace function pgflow._sleep_end(
  p_run_id uuid, p_sleep jsonb, p_now timestamptz
) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'  -- of a time without an offset
as $$
declare
  -- beyond it, and with infinity, the sum has an error
  c_longest constant double precision := 100 * 365.25 * 86400;
  v_value jsonb := coalesce(p_sleep -> 'seconds', pgflow._value_at(p_run_id, p_sleep -> 'until'));
begin
  return case jsonb_typeof(v_value)
    when 'number' then p_now + make_interval(
      secs => least(greatest((v_value #>> '{}')::numeric, 0), c_longest::numeric)::double precision
    )
    when 'string' then (v_value #>> '{}')::timestamptz
  end;
exception
  when data_exception then
    return null;
end;
$$;
