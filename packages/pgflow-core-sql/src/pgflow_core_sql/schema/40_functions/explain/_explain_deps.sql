-- _explain_deps: the steps of a run that wait for other steps.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for each: reason `waits_for_steps`.
create or replace function pgflow._explain_deps(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    d.to_step_slug,
    null::integer,
    'waits_for_steps',
    'waits for ' || string_agg(d.from_step_slug, ', ' order by s.step_index),
    jsonb_build_object('steps', jsonb_agg(d.from_step_slug order by s.step_index))
  from pgflow.deps as d
  join pgflow.steps as s
    on s.flow_slug = d.flow_slug and s.version = d.version and s.step_slug = d.from_step_slug
  where d.flow_slug = p_flow_slug
    and d.version = p_version
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_run_id and ss.step_slug = d.to_step_slug
    )
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_run_id and ss.step_slug = d.from_step_slug
        and ss.status in ('completed', 'skipped')
    )
  group by d.to_step_slug;
$$;
