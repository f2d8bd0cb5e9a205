-- _start_maps: start map steps that are ready, and whatever becomes ready because their lists are empty.
-- A loop, not a recursion: a chain of empty maps may be of any length.
-- Called by: _complete_batch, _move_runs, _start_runs. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._start_maps(
  p_maps pgflow.ready_map [],
  p_worker_id uuid default null  -- who claims next, and need not be woken
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_maps pgflow.ready_map[] := p_maps;
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  while v_maps is not null loop
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_map_wave(v_maps, p_worker_id) as w;
    exit when v_run_ids is null;
    select r.maps into v_maps
    from pgflow._start_ready_steps(v_run_ids, v_step_slugs, p_worker_id, 0, 0) as r;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
  end loop;
end;
$$;
