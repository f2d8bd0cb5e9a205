-- _advance_runs: start what steps make ready that have ended without a worker, and end what is done.
-- Called by: _fire_timers, _end_sub_flows, send_signal. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._advance_runs(p_run_ids uuid [], p_step_slugs text []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_special pgflow.ready_step[];
begin
  select r.special into v_special
  from pgflow._start_ready_steps(p_run_ids, p_step_slugs, null, 0, 0) as r;
  if v_special is not null then
    perform pgflow._start_special_steps(v_special);
  end if;
  perform pgflow._complete_runs(p_run_ids, p_step_slugs);
  perform pgflow._notify_watchers(p_run_ids);
end;
$$;
