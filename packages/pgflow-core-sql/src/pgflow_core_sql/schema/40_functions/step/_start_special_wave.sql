-- _start_special_wave: start the steps that are ready now and not plain, each as its kind wants it.
-- Called by: _start_special_steps. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have ended, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_special_wave(
  p_steps pgflow.ready_step [], p_worker_id uuid
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_singles pgflow.ready_step[];
  v_maps pgflow.ready_step[];
  v_signals pgflow.ready_step[];
  v_sleeps pgflow.ready_step[];
begin
  select
    array_agg(n) filter (where n.kind = 'single'),
    array_agg(n) filter (where n.kind = 'map'),
    array_agg(n) filter (where n.kind = 'signal'),
    array_agg(n) filter (where n.kind = 'sleep')
  into v_singles, v_maps, v_signals, v_sleeps
  from unnest(p_steps) as n;

  if v_singles is not null then
    perform pgflow._queue_steps(v_singles, p_worker_id);
  end if;
  if v_maps is not null then
    select w.run_ids, w.step_slugs into run_ids, step_slugs
    from pgflow._start_map_wave(v_maps, p_worker_id) as w;
  end if;
  if v_signals is not null then
    select run_ids || w.run_ids, step_slugs || w.step_slugs into run_ids, step_slugs
    from pgflow._start_signals(v_signals) as w;
  end if;
  if v_sleeps is not null then
    select run_ids || w.run_ids, step_slugs || w.step_slugs into run_ids, step_slugs
    from pgflow._start_sleeps(v_sleeps) as w;
  end if;
  return next;
end;
$$;
