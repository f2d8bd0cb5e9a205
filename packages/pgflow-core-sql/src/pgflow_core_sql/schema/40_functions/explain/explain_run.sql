-- explain_run: for each step of a run that has not ended, why it does not run, or who runs it; and why a step
-- was skipped.
-- Each kind of reason is a function of its own, and a branch here. Of a map step at most ten items are
-- named for each reason; `tasks_count` in the detail says how many there are.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF102 unknown run, or not the caller's.
-- Returns:   a row for each step and reason, in topological order: the index of the task (of map steps
--            only), reason, message and detail. Nothing for a run that has ended.
create or replace function pgflow.explain_run(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run record;
begin
  select r.run_id, r.flow_slug, r.version, r.owner, r.status into v_run
  from pgflow.runs as r
  where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_run.status <> 'started' then
    return;
  end if;

  return query
  select
    s.step_slug, case when s.kind in ('map', 'flow') then e.task_index end, e.reason, e.message, e.detail
  from (
    select * from pgflow._explain_deps(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_leases(p_run_id)
    union all
    select * from pgflow._explain_tasks(p_run_id)
    union all
    select * from pgflow._explain_waits(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_sub_runs(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_skips(p_run_id, v_run.flow_slug, v_run.version)
  ) as e (step_slug, task_index, reason, message, detail)
  join pgflow.steps as s
    on s.flow_slug = v_run.flow_slug and s.version = v_run.version and s.step_slug = e.step_slug
  order by s.step_index, e.task_index nulls first, e.reason;
end;
$$;
