-- _uuid_v7: a run id that sorts by time (RFC 9562, section 5.7), on every supported version.
-- Inserts then stay at the right edge of the primary key; uuidv7() exists only from 18 on, and
-- at one call per run its speed does not matter.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   48 bits of milliseconds, version 7, 74 random bits.
create or replace function pgflow._uuid_v7() returns uuid
language sql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(
    set_bit(
      set_bit(
        overlay(
          uuid_send(gen_random_uuid())
          placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
          from 1 for 6
        ),
        52, 1
      ),
      53, 1
    ),
    'hex'
  )::uuid;
$$;
