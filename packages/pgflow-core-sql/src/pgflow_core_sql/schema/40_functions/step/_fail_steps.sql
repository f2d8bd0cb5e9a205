-- _fail_steps: fail steps, and with them their runs.
-- Called by: _end_attempts, _start_sleeps, _start_map_wave, _gather_results. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._fail_steps(
  p_run_ids uuid [], p_step_slugs text [], p_errors jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflow.step_states as s
  set status = 'failed', error = n.error, ended_at = pgflow._now()
  from (
    -- A step fails for one reason, even when two of its tasks fail in the same batch.
    select distinct on (n.run_id, n.step_slug) n.run_id, n.step_slug, n.error
    from unnest(p_run_ids, p_step_slugs, p_errors)
      with ordinality as n (run_id, step_slug, error, ordinal)
    order by n.run_id, n.step_slug, n.ordinal
  ) as n
  where s.run_id = n.run_id
    and s.step_slug = n.step_slug
    and s.status = 'started';

  perform pgflow._end_runs(
    array_agg(f.run_id),
    'failed',
    array_agg(jsonb_build_object('step', f.step_slug) || coalesce(f.error, '{}'))
  )
  from (
    -- A run fails for one reason, even when two of its steps fail in the same batch.
    select distinct on (n.run_id) n.run_id, n.step_slug, n.error
    from unnest(p_run_ids, p_step_slugs, p_errors)
      with ordinality as n (run_id, step_slug, error, ordinal)
    order by n.run_id, n.step_slug, n.ordinal
  ) as f;
end;
$$;
