-- _value_at: a part of the payload of a run, or of the result of one of its steps.
-- Called by: _sleep_end, _start_sub_flows, _start_sleeps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the value; SQL null when there is none.
create or replace function pgflow._value_at(p_run_id uuid, p_source jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text[] := array(select p.key from jsonb_array_elements_text(p_source -> 'path') as p (key));
begin
  if p_source ->> 'source' = 'payload' then
    return (select r.payload from pgflow.runs as r where r.run_id = p_run_id) #> v_path;
  end if;
  return (
    select s.step_result
    from pgflow.step_states as s
    where s.run_id = p_run_id and s.step_slug = p_source ->> 'step'
  ) #> v_path;
end;
$$;
