-- _keep_claim_from: after a claim that was slow, let this session look from where it found something.
-- While a transaction somewhere holds an old snapshot, what was claimed stays behind as dead rows at
-- the beginning of the index, and a claim that looks from the start reads them all: after 500,000
-- tasks a worker ran at a fourth of its speed. With this it does not slow down.
-- It is a hint of the session, never written to a table. What is committed more than 0.2 s after
-- it was queued may lie before it, so from time to time a claim looks from the start again: so seldom
-- that it takes a twentieth of the time. A claim from the start takes far less than a millisecond
-- when nobody holds an old snapshot, and then nothing is kept at all.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._keep_claim_from(
  p_contract_ids integer [],
  p_from jsonb,  -- what was in force for the claim
  p_oldest jsonb,  -- by contract, the oldest available_at that it took
  p_exhausted_at timestamptz,  -- its time, when it took all that waited; else null
  p_took interval
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config(
    'pgflow.claim_from',
    (
      coalesce(p_from, jsonb_build_object('until', clock_timestamp() + 20 * p_took))
      || coalesce(
        (
          select jsonb_object_agg(c.contract_id, f.available_at - interval '200 milliseconds')
          from unnest(p_contract_ids) as c (contract_id)
          cross join lateral (
            select coalesce(
              (p_oldest ->> c.contract_id::text)::timestamptz,
              case when p_from is null then p_exhausted_at end
            ) as available_at
          ) as f
          where f.available_at is not null
        ),
        '{}'
      )
    )::text,
    false
  );
end;
$$;
