-- complete_step: store the result of one step, or of one item of a map step, within the caller's own transaction.
-- What the handler wrote to this database commits with it, or not at all: effects exactly once.
-- Called by: handlers that finish themselves; other languages' first worker.
-- Locks:     run, then step state, then lease.
-- Raises:    PF209 no result; PF301 the lease is over: roll back; PF503 isolation level.
-- Returns:   'completed', or 'failed' when the result does not fit its schema or budget: the step has
--            failed then, or was skipped, as its policy says, and the error is with it. What the caller
--            wrote is kept unless it rolls back.
create or replace function pgflow.complete_step(
  p_run_id uuid,
  p_step_slug text,
  p_lease_id uuid,  -- from claim_tasks; proves that the step is still ours
  p_result jsonb,
  p_task_index integer default 0  -- of a map step: which item the result is of
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome text;
begin
  select c.outcome into v_outcome
  from pgflow.complete_tasks(
    array[p_run_id], array[p_step_slug], array[p_task_index], array[p_lease_id], array[p_result]
  ) as c;
  if v_outcome = 'stale' then
    raise exception using
      errcode = 'PF301',
      message = format('the lease of step %L of run %s is over', p_step_slug, p_run_id),
      detail = jsonb_build_object(
        'run_id', p_run_id, 'step_slug', p_step_slug, 'task_index', p_task_index, 'lease_id', p_lease_id
      )::text,
      hint = 'roll back: another worker may have the task, or the run has ended';
  end if;
  return v_outcome;
end;
$$;
