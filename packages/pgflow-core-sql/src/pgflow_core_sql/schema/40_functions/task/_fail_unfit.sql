-- _fail_unfit: fail the tasks of a batch whose results do not fit; a repeat would end the same way.
-- Called by: _complete_batch. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._fail_unfit(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_errors jsonb []  -- null for a task whose result does fit
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow._end_attempts(
    array_agg(n.run_id),
    array_agg(n.step_slug),
    array_agg(n.task_index),
    array_agg(n.lease_id),
    'failed',
    array_agg(n.error),
    array_agg(false),
    array_agg(null::double precision)
  )
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_errors)
    as n (run_id, step_slug, task_index, lease_id, error)
  where n.error is not null;
end;
$$;
