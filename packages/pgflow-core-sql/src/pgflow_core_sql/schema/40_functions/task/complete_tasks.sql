-- complete_tasks: store the results of a batch, start what they make ready, end what is done.
-- A result that does not fit its schema or budget fails its step, and with it the run.
-- Called by: worker, for every handler that returned.
-- Locks:     runs by id, then step states, then leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'completed'; 'failed' with the error that the step now has, because
--            the result does not fit; or 'stale' when the lease is over. A task of the batch that is
--            stale changes nothing, and neither kind touches the others. A repeat of a report is
--            answered as before.
create or replace function pgflow.complete_tasks(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_claiming integer default 0  -- how many tasks the caller claims next in this transaction
) returns table (ordinal integer, outcome text, error jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_worker_id uuid;
  v_run_ids uuid[];
  v_step_slugs text[];
  v_ordinals integer[];
  v_fits boolean[];
  v_errors jsonb[];
  v_unfit bigint;
  v_of_map boolean[];  -- null when no task of the batch is one of a map step
  v_items pgflow.map_results[];
  v_maps pgflow.ready_map[];
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
    array[cardinality(p_results), case when array_position(p_results, null) is null then cardinality(p_results) end]
  );
  select
    array_agg(k.fits order by k.ordinal), array_agg(k.error order by k.ordinal), count(k.error),
    case when bool_or(k.of_map) then array_agg(k.of_map order by k.ordinal) end
  into v_fits, v_errors, v_unfit, v_of_map
  from pgflow._check_results(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results) as k;
  perform pgflow._lock_runs(p_run_ids);
  v_now := pgflow._now();

  with reported as (
    select n.*
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_fits, v_of_map)
      with ordinality as n (run_id, step_slug, task_index, lease_id, result, fits, of_map, ordinal)
    where n.fits
  ),
  ended as (
    delete from pgflow.leases as l
    using reported as n
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.result, n.of_map, n.ordinal
  ),
  history as (
    insert into pgflow.attempts (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
    )
    select
      e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
      'completed', e.claimed_at, v_now
    from ended as e
  ),
  states as (
    update pgflow.step_states as s
    set status = 'completed', step_result = e.result, ended_at = v_now
    from ended as e
    where s.run_id = e.run_id
      and s.step_slug = e.step_slug
      and e.of_map is not true
  )
  select
    array_agg(e.run_id) filter (where e.of_map is not true), array_agg(e.step_slug) filter (where e.of_map is not true),
    array_agg((e.run_id, e.step_slug, e.task_index, e.result)::pgflow.map_results) filter (where e.of_map),
    array_agg(e.ordinal), (array_agg(e.worker_id))[1]
  into v_run_ids, v_step_slugs, v_items, v_ordinals, v_worker_id
  from ended as e;

  if v_items is not null then
    select v_run_ids || array_agg(m.run_id), v_step_slugs || array_agg(m.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._complete_items(v_items) as m;
  end if;
  if v_run_ids is not null then
    v_maps := pgflow._start_ready_steps(v_run_ids, v_step_slugs, v_worker_id, p_claiming);
    if v_maps is not null then
      perform pgflow._start_maps(v_maps, v_worker_id);
    end if;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
    perform pgflow._notify_watchers(v_run_ids);
  end if;
  if cardinality(v_ordinals) = cardinality(p_run_ids) then
    return query
    select n::integer, 'completed', null::jsonb from generate_series(1, cardinality(p_run_ids)) as n;
    return;
  end if;
  if v_unfit > 0 then
    perform pgflow._fail_unfit(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, v_errors);
  end if;
  v_ordinals := v_ordinals
    || pgflow._repeated_items(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results);

  return query
  select
    n.ordinal::integer,
    case
      when n.ordinal = any (v_ordinals) then 'completed'
      when exists (
        select 1
        from pgflow.attempts as a
        join pgflow.step_states as s on s.run_id = a.run_id and s.step_slug = a.step_slug
        where a.run_id = n.run_id and a.step_slug = n.step_slug and a.task_index = n.task_index
          and a.lease_id = n.lease_id
          and a.outcome = 'completed'
          and s.step_result = n.result
          and not exists (select 1 from pgflow.maps as m where m.run_id = n.run_id and m.step_slug = n.step_slug)
      ) then 'completed'
      when f.error is not null then 'failed'
      else 'stale'
    end,
    f.error
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
    with ordinality as n (run_id, step_slug, task_index, lease_id, result, ordinal)
  left join lateral (
    select a.error
    from pgflow.attempts as a
    where a.run_id = n.run_id
      and a.step_slug = n.step_slug
      and a.task_index = n.task_index
      and a.lease_id = n.lease_id
      and a.outcome = 'failed'
      and a.error ->> 'code' in ('PF606', 'PF607', 'PF608')
  ) as f on true
  order by n.ordinal;
end;
$$;
