-- _require_read_committed: refuse reports from transactions that cannot see their neighbours.
-- Under a frozen snapshot two workers that complete the last two deps of a step at once would both
-- find the other one missing, and the step would never start.
-- Called by: every function that changes a run that exists.
-- Locks:     none.
-- Raises:    PF503.
-- Returns:   nothing.
create or replace function pgflow._require_read_committed() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'PF503',
      message = format(
        'the isolation level is %s; pgflow needs read committed',
        current_setting('transaction_isolation')
      ),
      detail = jsonb_build_object('isolation', current_setting('transaction_isolation'))::text,
      hint = 'report results in a transaction with isolation level read committed';
  end if;
end;
$$;
