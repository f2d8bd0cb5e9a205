-- _raise_run_id_taken: say that there is a run of this id.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF303 always.
-- Returns:   nothing.
create or replace function pgflow._raise_run_id_taken(p_run_id uuid) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF303',
    message = format('there is a run %s already', p_run_id),
    detail = jsonb_build_object('run_id', p_run_id)::text,
    hint = 'leave p_run_id out, or look at the run that has this id';
end;
$$;
