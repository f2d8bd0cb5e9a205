-- _now: the clock of the engine; tests replace it, so that time passes without sleeping.
-- Not now(), the start of the transaction: of two workers that end the last two deps of a step, the
-- one that began first may wait for the other, and the step would seem to start before a dep ended.
-- Functions that lock runs read it after the lock, and once, so that a batch has one time.
-- Called by: every function that reads the time.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time of the call.
create or replace function pgflow._now() returns timestamptz
language sql volatile parallel safe
as $$
  select clock_timestamp();
$$;
