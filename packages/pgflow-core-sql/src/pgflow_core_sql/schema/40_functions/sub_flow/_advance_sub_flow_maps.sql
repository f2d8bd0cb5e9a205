-- _advance_sub_flow_maps: take in what the sub-runs of maps came to, and begin the next ones. A map completes with
-- the last of them; the first that fails, fails it, unless its policy puts null in its place.
-- Called by: _end_sub_flows, which holds the locks of the parents and has noted that the sub-runs are open no more.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have ended; what waits for them may be ready now.
create or replace function pgflow._advance_sub_flow_maps(p_due pgflow.timers [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_ids uuid[];
  v_step_slugs text[];
  v_refused pgflow.item_outcome[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_done_run_ids uuid[];
  v_done_step_slugs text[];
begin
  select array_agg(n.run_id), array_agg(n.step_slug) into v_run_ids, v_step_slugs
  from (select distinct d.run_id, d.step_slug from unnest(p_due) as d) as n
  join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
  join pgflow.step_states as s
    on s.run_id = n.run_id and s.step_slug = n.step_slug and s.status = 'started';
  if v_run_ids is null then
    return;
  end if;

  select array_agg(k.run_id), array_agg(k.step_slug), array_agg(k.error)
  into v_failed_run_ids, v_failed_step_slugs, v_errors
  from pgflow._keep_item_outcomes(pgflow._sub_run_outcomes(p_due)) as k;
  if v_failed_run_ids is not null then
    select array_agg(n.run_id), array_agg(n.step_slug) into v_run_ids, v_step_slugs
    from (
      select n.run_id, n.step_slug from unnest(v_run_ids, v_step_slugs) as n (run_id, step_slug)
      except
      select f.run_id, f.step_slug from unnest(v_failed_run_ids, v_failed_step_slugs) as f (run_id, step_slug)
    ) as n;
  end if;
  if v_run_ids is not null then
    v_refused := array(select b from pgflow._begin_sub_runs(v_run_ids, v_step_slugs) as b);
    select
      v_failed_run_ids || array_agg(k.run_id),
      v_failed_step_slugs || array_agg(k.step_slug),
      v_errors || array_agg(k.error)
    into v_failed_run_ids, v_failed_step_slugs, v_errors
    from pgflow._keep_item_outcomes(v_refused) as k;
    select d.run_ids, d.step_slugs into v_done_run_ids, v_done_step_slugs
    from pgflow._sub_flow_maps_done(v_run_ids, v_step_slugs, v_failed_run_ids, v_failed_step_slugs) as d;
  end if;
  if v_done_run_ids is not null then
    return query
    select g.run_id, g.step_slug from pgflow._gather_results(v_done_run_ids, v_done_step_slugs) as g;
  end if;
  if v_failed_run_ids is not null then
    return query
    select f.run_id, f.step_slug from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  perform pgflow._notify_watchers(array_agg(distinct d.run_id)) from unnest(p_due) as d;
end;
$$;
