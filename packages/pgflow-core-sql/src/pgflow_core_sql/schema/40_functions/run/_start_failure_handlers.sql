-- _start_failure_handlers: queue the failure handler of each run that has just failed and has one.
-- Called by: _end_runs. The caller holds the locks of the runs.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._start_failure_handlers(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handlers pgflow.ready_step[];
begin
  select array_agg(
    (r.run_id, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
  )
  into v_handlers
  from pgflow.runs as r
  join pgflow.steps as s on s.flow_slug = r.flow_slug and s.version = r.version
  where r.run_id = any (p_run_ids)
    and s.kind = 'failure';
  if v_handlers is not null then
    perform pgflow._queue_steps(v_handlers, null);
  end if;
end;
$$;
