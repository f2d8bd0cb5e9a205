-- _is_served: whether a living worker has the handler of a contract.
-- One that runs and has not been heard of for three beats is not living, though nobody has swept yet.
-- Called by: _explain_tasks, status.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true when one has.
create or replace function pgflow._is_served(p_contract_id integer) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
    from pgflow.workers as w
    where w.status = 'running'
      and p_contract_id = any (w.contract_ids)
      and not pgflow._is_silent(w.last_beat_at, w.beat_seconds)
  );
$$;
