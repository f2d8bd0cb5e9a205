-- _uuid_v7: a run id that sorts by time (RFC 9562, section 5.7), on every supported version.
-- Inserts then stay at the right edge of the primary key, and runs list in the order of their
-- start; uuidv7() exists only from 18 on, and at one call per run its speed does not matter.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   48 bits of milliseconds, version 7, 12 bits of their fraction (section 6.2, method
--            3), 62 random bits.
create or replace function pgflow._uuid_v7() returns uuid
language sql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(
    overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send(t.microseconds / 1000) from 3)
        || int2send((x'7000'::integer + t.microseconds % 1000 * 4096 / 1000)::smallint)
      from 1 for 8
    ),
    'hex'
  )::uuid
  from (select (date_part('epoch', clock_timestamp()) * 1000000)::bigint as microseconds) as t;
$$;
