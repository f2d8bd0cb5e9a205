-- _now: the clock of the engine; tests replace it, so that time passes without sleeping.
-- Called by: every function that reads the time.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the start of the transaction.
create or replace function pgflow._now() returns timestamptz
language sql stable parallel safe
as $$
  select now();
$$;
