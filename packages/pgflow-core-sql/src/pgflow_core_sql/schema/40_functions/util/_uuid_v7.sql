-- _uuid_v7: a run id that sorts by time (RFC 9562, section 5.7), on every supported version.
-- Inserts then stay at the right edge of the primary key, and runs list in the order of their
-- start; uuidv7() exists only from 18 on.
-- Called by: start_flow, _open_sub_runs, start_flows.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   48 bits of milliseconds, version 7, 12 bits of their fraction (section 6.2, method
--            3), 62 random bits.
create or replace function pgflow._uuid_v7() returns uuid
language plpgsql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_microseconds bigint := date_part('epoch', clock_timestamp()) * 1000000;
begin
  return encode(
    overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send(v_microseconds / 1000) from 3)
        || int2send((x'7000'::integer + v_microseconds % 1000 * 4096 / 1000)::smallint)
      from 1 for 8
    ),
    'hex'
  )::uuid;
end;
$$;
