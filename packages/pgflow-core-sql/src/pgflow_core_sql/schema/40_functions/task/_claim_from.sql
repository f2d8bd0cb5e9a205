-- _claim_from: where claims of this session begin to look, while looking from the start is slow.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null, which is the rule: look from the start; else by contract the oldest available_at
--            to look at. See _keep_claim_from.
create or replace function pgflow._claim_from() returns jsonb
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select k.kept
  from (select nullif(current_setting('pgflow.claim_from', true), '')::jsonb as kept) as k
  where (k.kept ->> 'until')::timestamptz > clock_timestamp();
$$;
