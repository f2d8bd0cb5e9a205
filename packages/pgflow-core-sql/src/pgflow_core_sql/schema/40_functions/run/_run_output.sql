-- _run_output: the results of the leaf steps of a run by slug, or the result of one step.
-- Called by: _end_sub_flows, _sub_run_outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the run output, or the result; JSON null for a step without one.
create or replace function pgflow._run_output(p_run_id uuid, p_step_slug text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_step_slug is not null then
    return coalesce(
      (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = p_run_id and s.step_slug = p_step_slug
      ),
      'null'
    );
  end if;
  return (
    select jsonb_object_agg(s.step_slug, x.step_result)
    from pgflow.runs as r
    join pgflow.steps as s on s.flow_slug = r.flow_slug and s.version = r.version and s.is_leaf
    left join pgflow.step_states as x on x.run_id = r.run_id and x.step_slug = s.step_slug
    where r.run_id = p_run_id
  );
end;
$$;
