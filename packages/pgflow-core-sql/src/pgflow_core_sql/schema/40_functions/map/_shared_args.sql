-- _shared_args: the arguments of a map step that are the same for every item.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   them by parameter.
create or replace function pgflow._shared_args(p_run_id uuid, p_contract_id integer) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_object_agg(
      i.parameter,
      case i.source
        when 'payload' then (select r.payload from pgflow.runs as r where r.run_id = p_run_id)
        else (
          select s.step_result
          from pgflow.step_states as s
          where s.run_id = p_run_id and s.step_slug = i.from_step_slug
        )
      end #> i.path
    ),
    '{}'
  )
  from pgflow.step_inputs as i
  where i.contract_id = p_contract_id
    and i.source <> 'each';
$$;
