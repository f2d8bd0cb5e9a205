-- _map_source: what a map step of a run goes over.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the list, or whatever stands there instead of one; null for nothing.
create or replace function pgflow._map_source(p_run_id uuid, p_contract_id integer) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    case c.over_source
      when 'payload' then (select r.payload from pgflow.runs as r where r.run_id = p_run_id)
      else (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = p_run_id and s.step_slug = c.over_step_slug
      )
    end #> c.over_path
  from pgflow.contracts as c
  where c.contract_id = p_contract_id;
$$;
