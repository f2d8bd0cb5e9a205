-- _check_claim: refuse limits and leases that make no sense.
-- Called by: claim_tasks, exchange_tasks, extend_leases.
-- Locks:     none.
-- Raises:    PF203.
-- Returns:   nothing.
create or replace function pgflow._check_claim(
  p_limit integer, p_lease_seconds double precision
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit between 1 and 100000 and p_lease_seconds between 0.1 and 86400 then
    return;
  end if;
  raise exception using
    errcode = 'PF203',
    message = format(
      'p_limit is %s and p_lease_seconds is %s; allowed are 1 to 100000 and 0.1 to 86400',
      coalesce(p_limit::text, 'null'), coalesce(p_lease_seconds::text, 'null')
    ),
    detail = jsonb_build_object('p_limit', p_limit, 'p_lease_seconds', p_lease_seconds)::text,
    hint = 'pass values within these ranges';
end;
$$;
