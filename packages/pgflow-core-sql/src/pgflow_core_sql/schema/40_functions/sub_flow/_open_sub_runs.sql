-- _open_sub_runs: start runs of one flow for steps of other runs. Each belongs to the owner of its parent.
-- Called by: _start_sub_flows, _begin_sub_runs. The caller holds the locks of the parents, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._open_sub_runs(
  p_flow_slug text,
  p_version integer,
  p_run_ids uuid [],  -- the parents
  p_step_slugs text [],
  p_task_indexes integer [],
  p_owners text [],
  p_depths integer [],
  p_payloads jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_sub_run_ids uuid[] := array(select pgflow._uuid_v7() from unnest(p_run_ids));
begin
  insert into pgflow.sub_runs (run_id, step_slug, task_index, sub_run_id)
  select n.run_id, n.step_slug, n.task_index, n.sub_run_id
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, v_sub_run_ids)
    as n (run_id, step_slug, task_index, sub_run_id);
  insert into pgflow.runs (
    run_id, flow_slug, version, owner, payload, started_at,
    parent_run_id, parent_step_slug, parent_task_index, depth
  )
  select
    n.sub_run_id, p_flow_slug, p_version, n.owner, n.payload, v_now,
    n.run_id, n.step_slug, n.task_index, n.depth
  from unnest(
    v_sub_run_ids, p_owners, p_payloads, p_run_ids, p_step_slugs, p_task_indexes, p_depths
  ) as n (sub_run_id, owner, payload, run_id, step_slug, task_index, depth);
  perform pgflow._start_runs(p_flow_slug, p_version, v_sub_run_ids, null);
end;
$$;
