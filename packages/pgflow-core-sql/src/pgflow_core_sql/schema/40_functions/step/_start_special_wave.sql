-- _start_special_wave: start the steps that are ready now and not plain, each as its kind wants it.
-- First what may keep a step from starting: a dep that was skipped with cascade, then its condition.
-- Runs that fail are ended last, so that nothing of them is started after their end.
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
  v_now timestamptz := pgflow._now();
  v_singles pgflow.ready_step[];
  v_maps pgflow.ready_step[];
  v_signals pgflow.ready_step[];
  v_sleeps pgflow.ready_step[];
  v_sub_flows pgflow.ready_step[];
  v_unmet_run_ids uuid[];
  v_unmet_step_slugs text[];
  v_unmet_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  with decided as materialized (
    select
      n as step, n.run_id, n.step_slug, f.fate, f.error,
      case
        when n.kind = 'flow' and exists (
          select 1
          from pgflow.contracts as c
          where c.contract_id = n.contract_id and c.over_source is not null
          offset 0
        ) then 'map'
        else n.kind
      end as kind
    from unnest(p_steps) as n
    cross join lateral pgflow._fate(n) as f
  ),
  states as (
    insert into pgflow.step_states (
      run_id, step_slug, status, started_at, ended_at, skip_reason, cascades
    )
    select
      d.run_id, d.step_slug, 'skipped', v_now, v_now,
      case d.fate when 'cascade' then 'dependency_skipped' else 'condition_unmet' end,
      d.fate <> 'skip'
    from decided as d
    where d.fate in ('cascade', 'skip', 'skip_cascade')
  )
  select
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'single'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'map'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'signal'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'sleep'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'flow'),
    array_agg(d.run_id) filter (where d.fate in ('cascade', 'skip', 'skip_cascade')),
    array_agg(d.step_slug) filter (where d.fate in ('cascade', 'skip', 'skip_cascade')),
    array_agg(d.run_id) filter (where d.fate = 'fail'),
    array_agg(d.step_slug) filter (where d.fate = 'fail'),
    array_agg(d.error) filter (where d.fate = 'fail')
  into
    v_singles, v_maps, v_signals, v_sleeps, v_sub_flows, run_ids, step_slugs,
    v_unmet_run_ids, v_unmet_step_slugs, v_unmet_errors
  from decided as d;

  if v_singles is not null then
    perform pgflow._queue_steps(v_singles, p_worker_id);
  end if;
  if v_maps is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_map_wave(v_maps, p_worker_id) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_signals is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_signals(v_signals) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_sleeps is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_sleeps(v_sleeps) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_sub_flows is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_sub_flows(v_sub_flows) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_unmet_run_ids is not null then
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select n.run_id, n.step_slug, v_now
    from unnest(v_unmet_run_ids, v_unmet_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started';
    perform pgflow._fail_steps(v_unmet_run_ids, v_unmet_step_slugs, v_unmet_errors, true);
  end if;
  return next;
end;
$$;
