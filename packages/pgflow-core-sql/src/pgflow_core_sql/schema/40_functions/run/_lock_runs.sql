-- _lock_runs: take the first lock of the lock order, for every run of a batch, by id.
-- Whoever holds it decides alone what its reports make ready, which is what makes fan-in exact.
-- Called by: every function that changes a run that exists.
-- Locks:     runs, ascending by id.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._lock_runs(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform 1
  from pgflow.runs as r
  where r.run_id = any (p_run_ids)
  order by r.run_id
  for no key update;
end;
$$;
