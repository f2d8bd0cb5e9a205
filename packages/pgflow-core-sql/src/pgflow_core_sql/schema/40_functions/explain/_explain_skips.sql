-- _explain_skips: the steps of a run that will not run, because they were skipped.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `condition_unmet` with the parts that did not hold and their values, `handler_failed` with
--            the error, `dependency_skipped` with the steps.
create or replace function pgflow._explain_skips(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.step_slug,
    null::integer,
    ss.skip_reason,
    'skipped: ' || case ss.skip_reason
      when 'condition_unmet' then u.error ->> 'message'
      when 'handler_failed' then 'it failed: ' || coalesce(ss.error ->> 'message', '')
      else 'a step that it waits for was skipped'
    end,
    jsonb_strip_nulls(jsonb_build_object('unmet', u.error -> 'unmet', 'error', ss.error))
  from pgflow.step_states as ss
  join pgflow.steps as s
    on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = ss.step_slug
  cross join lateral (
    select case
      when ss.skip_reason = 'condition_unmet' then pgflow._unmet_error(s.step_slug, s.condition, p_run_id)
    end as error
  ) as u
  where ss.run_id = p_run_id
    and ss.status = 'skipped';
$$;
