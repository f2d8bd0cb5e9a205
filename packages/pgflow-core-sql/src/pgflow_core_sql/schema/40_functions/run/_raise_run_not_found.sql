-- _raise_run_not_found: one answer for a run that does not exist and one that is not yours.
-- Called by: get_run, explain_run, send_signal, cancel_run, watch_run.
-- Locks:     none.
-- Raises:    PF102.
-- Returns:   never.
create or replace function pgflow._raise_run_not_found(p_run_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF102',
    message = format('there is no run %s', p_run_id),
    detail = jsonb_build_object('run_id', p_run_id)::text,
    hint = 'check the id, and whether the caller is the owner of the run';
end;
$$;
