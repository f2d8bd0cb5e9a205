-- _rotate: the same elements, beginning at a random one.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the rotated array.
create or replace function pgflow._rotate(p_ids integer []) returns integer []
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_offset integer := floor(random() * cardinality(p_ids));
begin
  return p_ids[v_offset + 1:] || p_ids[:v_offset];
end;
$$;
