-- _require_batch: refuse a batch whose arrays do not describe the same tasks.
-- Called by: _complete_batch, fail_tasks, release_tasks, extend_leases.
-- Locks:     none.
-- Raises:    PF209.
-- Returns:   nothing.
create or replace function pgflow._require_batch(
  p_run_ids uuid [], p_step_slugs text [], p_task_indexes integer [], p_lease_ids uuid [],
  p_further_lengths integer [] default '{}'
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lengths integer[] := array[
    cardinality(p_run_ids), cardinality(p_step_slugs),
    cardinality(p_task_indexes), cardinality(p_lease_ids)
  ] || p_further_lengths;
begin
  if v_lengths[1] = all (v_lengths)
    and array_position(p_run_ids, null) is null
    and array_position(p_step_slugs, null) is null
    and array_position(p_task_indexes, null) is null
    and array_position(p_lease_ids, null) is null
  then
    return;
  end if;
  raise exception using
    errcode = 'PF209',
    message = 'the arrays of the batch must have one length and hold no null key',
    detail = jsonb_build_object('lengths', to_jsonb(v_lengths))::text,
    hint = 'pass run_id, step_slug, task_index and lease_id of each task as claim_tasks gave them';
end;
$$;
