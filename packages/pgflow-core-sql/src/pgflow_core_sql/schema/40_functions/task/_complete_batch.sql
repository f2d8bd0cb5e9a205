-- _complete_batch: store the results of a batch, start what they make ready, end what is done.
-- Called by: complete_tasks, exchange_tasks.
-- Locks:     runs by id, then step states, then leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   the ordinals of the tasks that are completed by it, and the leases of those that have
--            become ready and were handed to the worker, instead of being queued.
create or replace function pgflow._complete_batch(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_worker_id uuid,  -- null: nothing is handed over
  p_taking integer,  -- how many tasks the worker takes in this transaction
  p_lease_seconds double precision,
  out ordinals integer [],
  out handed pgflow.leases []
)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz;
  v_worker_id uuid;
  v_run_ids uuid[];
  v_step_slugs text[];
  v_fits boolean[];
  v_errors jsonb[];
  v_unfit bigint;
  v_of_map boolean[];  -- null when no task of the batch is one of a map step
  v_items pgflow.map_results[];
  v_special pgflow.ready_step[];
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
  states as (
    update pgflow.step_states as s
    set status = 'completed', step_result = e.result, ended_at = v_now,
      attempt = e.attempt, lease_id = e.lease_id, worker_id = e.worker_id, claimed_at = e.claimed_at
    from ended as e
    where s.run_id = e.run_id
      and s.step_slug = e.step_slug
      and e.of_map is not true
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
    )
    select
      e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
      'completed', e.claimed_at, v_now
    from ended as e
    where v_of_map is not null and e.of_map
  )
  select
    array_agg(e.run_id) filter (where e.of_map is not true),
    array_agg(e.step_slug) filter (where e.of_map is not true),
    array_agg((e.run_id, e.step_slug, e.task_index, e.result)::pgflow.map_results) filter (where e.of_map),
    array_agg(e.ordinal), coalesce(p_worker_id, (array_agg(e.worker_id))[1])
  into v_run_ids, v_step_slugs, v_items, ordinals, v_worker_id
  from ended as e;

  if v_items is not null then
    select v_run_ids || array_agg(m.run_id), v_step_slugs || array_agg(m.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._complete_items(v_items) as m;
  end if;

  if v_run_ids is not null then
    select r.handed, r.special into handed, v_special
    from pgflow._start_ready_steps(
      v_run_ids, v_step_slugs, v_worker_id, p_taking, p_lease_seconds
    ) as r;
    if v_special is not null then
      perform pgflow._start_special_steps(v_special, v_worker_id);
    end if;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
    perform pgflow._notify_watchers(v_run_ids);
  end if;
  if v_unfit > 0 then
    perform pgflow._fail_unfit(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, v_errors);
  end if;
  if handed is not null and (v_unfit > 0 or v_special is not null) then
    -- What was handed over is gone when its run has failed by another step of the batch. Nobody was told
    -- of it, so there was no attempt.
    delete from pgflow.attempt_log as a
    using unnest(handed) as h
    where a.run_id = h.run_id
      and a.step_slug = h.step_slug
      and a.task_index = h.task_index
      and a.lease_id = h.lease_id;
    handed := array(
      select h
      from unnest(handed) as h
      join pgflow.leases as l
        on l.run_id = h.run_id and l.step_slug = h.step_slug and l.task_index = h.task_index
    );
  end if;
end;
$$;
