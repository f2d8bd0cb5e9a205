-- complete_tasks: store the results of a batch, start what they make ready, end what is done.
-- A result that does not fit its schema or budget fails its step, and with it the run; or the step is
-- skipped, or its item null, if that is its policy.
-- Called by: worker, when it claims nothing more, and one that works task by task; complete_step.
-- Locks:     runs by id, then step states, then leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'completed'; 'failed' with the error, because the result does not
--            fit; or 'stale' when the lease is over. A task of the batch that is stale changes nothing,
--            and neither kind touches the others. A repeat of a report is answered as before.
create or replace function pgflow.complete_tasks(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns table (ordinal integer, outcome text, error jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_completed integer[];
begin
  select b.ordinals into v_completed
  from pgflow._complete_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, null, 0, 0
  ) as b;
  return query
  select o.ordinal, o.outcome, o.error
  from pgflow._outcomes(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_completed
  ) as o;
end;
$$;
