-- cancel_run: end a run now. Handlers that are running learn of it when they extend their lease.
-- Called by: clients, for runs that they may see.
-- Locks:     run, then step states, then tasks and leases.
-- Raises:    PF102 unknown run; PF302 it has completed or failed; PF401 not yours; PF503.
-- Returns:   'cancelled', also when it was cancelled before.
create or replace function pgflow.cancel_run(
  p_run_id uuid, p_reason text default null
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(array[p_run_id]);
  select r.status, r.owner into v_run from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_run.owner <> pgflow._current_owner() and not pgflow._is_admin() then
    raise exception using
      errcode = 'PF401',
      message = format('run %s belongs to another owner', p_run_id),
      detail = jsonb_build_object('run_id', p_run_id)::text,
      hint = 'cancel it as its owner or as pgflow_admin';
  end if;
  if v_run.status in ('completed', 'failed') then
    raise exception using
      errcode = 'PF302',
      message = format('run %s has already %s', p_run_id, v_run.status),
      detail = jsonb_build_object('run_id', p_run_id, 'status', v_run.status)::text,
      hint = 'only a run that has not ended can be cancelled';
  end if;
  if v_run.status = 'started' then
    perform pgflow._end_runs(
      array[p_run_id],
      'cancelled',
      array[jsonb_strip_nulls(jsonb_build_object('message', 'cancelled', 'reason', p_reason))]
    );
  end if;
  return 'cancelled';
end;
$$;
