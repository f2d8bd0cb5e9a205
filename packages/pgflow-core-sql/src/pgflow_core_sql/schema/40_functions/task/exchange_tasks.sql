-- exchange_tasks: complete a batch and claim the next tasks, in one call.
-- A step that the batch makes ready is handed to the worker at once, when it serves it and has room,
-- and is never queued: 300 bytes of WAL less per such step, and no way through the queue and its
-- indexes. One of the p_limit tasks is always left to the queue, so that what waits there moves on
-- however many steps the runs at hand still have.
-- Called by: worker, whenever it has results and capacity.
-- Locks:     runs by id, then step states, then leases; then tasks, skipping those that others hold.
-- Raises:    PF104 unknown or dead worker; PF203 limit or lease out of range; PF209 arrays differ;
--            PF503 isolation level.
-- Returns:   a row for each report that was not completed, with ordinal, outcome and error as
--            complete_tasks tells them; then one for each task claimed, as claim_tasks returns it.
create or replace function pgflow.exchange_tasks(
  p_worker_id uuid,
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_limit integer,
  p_lease_seconds double precision default 30
) returns table (
  ordinal integer,
  outcome text,
  error jsonb,
  run_id uuid,
  step_slug text,
  task_index integer,
  attempt integer,
  lease_id uuid,
  contract_id integer,
  leased_until timestamptz,
  timeout_seconds double precision,
  max_attempts integer,
  args jsonb
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_completed integer[];
  v_handed pgflow.leases[];
begin
  perform pgflow._check_claim(p_limit, p_lease_seconds);
  select b.ordinals, coalesce(b.handed, '{}') into v_completed, v_handed
  from pgflow._complete_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results,
    p_worker_id, p_limit, p_lease_seconds
  ) as b;
  if cardinality(v_completed) is distinct from cardinality(p_run_ids) then
    return query
    select
      o.ordinal, o.outcome, o.error, null::uuid, null::text, null::integer, null::integer,
      null::uuid, null::integer, null::timestamptz, null::double precision, null::integer, null::jsonb
    from pgflow._outcomes(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_completed
    ) as o
    where o.outcome <> 'completed';
  end if;
  return query
  select null::integer, null::text, null::jsonb, a.*
  from pgflow._with_arguments(v_handed) as a;
  return query
  select null::integer, null::text, null::jsonb, t.*
  from pgflow.claim_tasks(p_worker_id, p_limit - cardinality(v_handed), p_lease_seconds) as t;
end;
$$;
