-- _retry_delay: how long to wait before the next attempt: exponential or fixed, capped, with jitter.
-- Jitter spreads the retries of tasks that failed together ("Exponential Backoff And Jitter",
-- AWS Architecture Blog, 2015); 0 gives the full delay, 1 anything between nothing and it.
-- Called by: _end_attempts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   base, or base * 2^(attempt - 1) when exponential; at most max, less a random share of up to
--            p_jitter.
create or replace function pgflow._retry_delay(
  p_attempt integer,
  p_base_seconds double precision,
  p_max_seconds double precision,
  p_jitter double precision,
  p_backoff text
) returns interval
language sql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select make_interval(
    -- 2^60 seconds is beyond every cap; the bound keeps the power from overflowing.
    secs => least(
      p_max_seconds,
      p_base_seconds
        * case p_backoff when 'fixed' then 1 else power(2.0::double precision, least(p_attempt - 1, 60)) end
    ) * (1 - p_jitter * random())
  );
$$;
