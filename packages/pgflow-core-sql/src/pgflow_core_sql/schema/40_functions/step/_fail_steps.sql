-- _fail_steps: fail steps, and with them their runs; or skip them, if that is their policy.
-- A map whose policy is to skip puts null in the place of an item (_give_up, _keep_item_outcomes); what is
-- wrong with the step as a whole fails it, for whoever takes its result is promised a list.
-- A failure handler fails alone: its run has failed before.
-- Called by: _give_up, _end_sub_flows, _advance_sub_flow_maps, _start_sub_flows, _start_special_wave,
--            _start_map_wave,
--            _start_sleeps, _gather_results. The caller holds the locks
--            of the runs.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   the steps that were skipped instead: what waits for them may be ready now.
create or replace function pgflow._fail_steps(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_errors jsonb [],
  p_always boolean default false  -- whatever the policy of the step is
) returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_failed_run_ids uuid[];
  v_failed_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
  v_has_map boolean;
begin
  with failure as (
    -- A step fails for one reason, even when two of its tasks fail in the same batch.
    select distinct on (n.run_id, n.step_slug)
      n.run_id, n.step_slug, n.error, s.is_map,
      case
        when s.kind = 'failure' then 'alone'
        when p_always or s.on_failure = 'skip' and s.is_map then 'fail'
        else s.on_failure
      end as policy
    from unnest(p_run_ids, p_step_slugs, p_errors)
      with ordinality as n (run_id, step_slug, error, ordinal)
    cross join lateral (
      select s.kind, s.on_failure, c.over_source is not null as is_map
      from pgflow.runs as r
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
      join pgflow.contracts as c on c.contract_id = s.contract_id
      where r.run_id = n.run_id
      offset 0
    ) as s
    order by n.run_id, n.step_slug, n.ordinal
  ),
  ended as (
    update pgflow.step_states as s
    set status = case when n.policy in ('skip', 'skip_cascade') then 'skipped' else 'failed' end,
      error = n.error,
      ended_at = pgflow._now(),
      skip_reason = case when n.policy in ('skip', 'skip_cascade') then 'handler_failed' end,
      cascades = case n.policy when 'skip' then false when 'skip_cascade' then true end
    from failure as n
    where s.run_id = n.run_id
      and s.step_slug = n.step_slug
      and s.status = 'started'
    returning s.run_id, s.step_slug, n.error, n.policy, n.is_map
  ),
  failed as (
    -- A run fails for one reason, even when two of its steps fail in the same batch.
    select distinct on (e.run_id) e.run_id, e.step_slug, e.error
    from ended as e
    where e.policy = 'fail'
    order by e.run_id, e.step_slug
  )
  select
    array_agg(e.run_id) filter (where e.policy in ('skip', 'skip_cascade')),
    array_agg(e.step_slug) filter (where e.policy in ('skip', 'skip_cascade')),
    bool_or(e.is_map and e.policy = 'skip_cascade'),
    (select array_agg(f.run_id order by f.run_id) from failed as f),
    (
      select array_agg(jsonb_build_object('step', f.step_slug) || coalesce(f.error, '{}') order by f.run_id)
      from failed as f
    )
  into v_run_ids, v_step_slugs, v_has_map, v_failed_run_ids, v_failed_errors
  from ended as e;

  if v_has_map then
    perform pgflow._end_map_steps(v_run_ids, v_step_slugs);
  end if;
  if v_failed_run_ids is not null then
    perform pgflow._end_runs(v_failed_run_ids, 'failed', v_failed_errors);
  end if;
  return query
  select n.run_id, n.step_slug
  from unnest(v_run_ids, v_step_slugs) as n (run_id, step_slug);
end;
$$;
