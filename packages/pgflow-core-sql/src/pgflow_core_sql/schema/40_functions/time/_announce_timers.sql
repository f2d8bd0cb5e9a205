-- _announce_timers: tell the workers of a timer that may be due before they sweep again anyway.
-- Called by: _start_signals, _tell_parents, _tell_sub_runs, _start_sleeps, _start_runs,
--            _start_map_wave, _sub_flow_maps_done.
-- Locks:     the queue of notifications, at commit.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._announce_timers(p_due_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_due_at < pgflow._now() + interval '1 minute' then
    perform pg_notify('pgflow_work', 'timer');
  end if;
end;
$$;
