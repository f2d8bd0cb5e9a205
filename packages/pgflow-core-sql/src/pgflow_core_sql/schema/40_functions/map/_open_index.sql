-- _open_index: the highest task of a map step, up to a given one, that is open: waits or is leased.
-- It goes down in strides, and never up again: what lies above has completed for good. So all calls of
-- one map pass each of its dead rows once, or a stride of them at most. A search for any open task would
-- pass all that were claimed before, with each report.
-- `stable`: both tables are read as they are at one moment, for a claim under way moves a row from
-- the one to the other.
-- Called by: _complete_items.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   its index, or -1.
create or replace function pgflow._open_index(
  p_run_id uuid, p_step_slug text, p_from integer
) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stride constant integer := 1000;
  v_high integer := p_from;
  v_found integer;
begin
  while v_high >= 0 loop
    select greatest(
      (
        select t.task_index
        from pgflow.tasks as t
        where t.run_id = p_run_id
          and t.step_slug = p_step_slug
          and t.task_index between v_high - v_stride + 1 and v_high
        order by t.task_index desc
        limit 1
      ),
      (
        select l.task_index
        from pgflow.leases as l
        where l.run_id = p_run_id
          and l.step_slug = p_step_slug
          and l.task_index between v_high - v_stride + 1 and v_high
        order by l.task_index desc
        limit 1
      )
    ) into v_found;
    if v_found is not null then
      return v_found;
    end if;
    v_high := v_high - v_stride;
  end loop;
  return -1;
end;
$$;
