-- _start_special_steps: start steps that are ready and not plain, and whatever becomes ready because some of
-- them end at once. A loop, not a recursion: a chain of steps that end at once may be of any length.
-- Called by: _move_runs, _complete_batch, _give_up, _advance_runs, _start_runs. The caller holds the locks
--            of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._start_special_steps(
  p_steps pgflow.ready_step [],
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
  v_steps pgflow.ready_step[] := p_steps;
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  while v_steps is not null loop
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_special_wave(v_steps, p_worker_id) as w;
    exit when v_run_ids is null;
    select r.special into v_steps
    from pgflow._start_ready_steps(v_run_ids, v_step_slugs, p_worker_id, 0, 0) as r;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
  end loop;
end;
$$;
