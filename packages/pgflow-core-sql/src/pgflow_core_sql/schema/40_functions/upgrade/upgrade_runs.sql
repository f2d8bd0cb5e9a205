-- upgrade_runs: move runs that have not ended to another version of their flow, where everything fits.
-- Each run moves as a whole or not at all. It moves when its payload fits the payload schema of the
-- version, each completed step is there with a result that fits, and each step that has begun has the
-- same contract, or only waits: then its task is queued anew for the new contract, its attempts kept.
-- Called by: `pgflow runs upgrade`, users.
-- Locks:     runs, then step states, then tasks. Values are validated under these locks, so that nothing
--            changes meanwhile: pass some runs at a time.
-- Raises:    PF209 no array, or a null in it; PF503.
-- Returns:   one row per run, in the order given: its version before, the version asked for (by default
--            the current one), 'upgraded', 'unchanged' (it has that version) or 'refused', and why:
--            problems, an array of {step, reason}, step null for the run itself.
create or replace function pgflow.upgrade_runs(p_run_ids uuid [], p_version integer default null)
returns table (run_id uuid, from_version integer, to_version integer, outcome text, problems jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_targets pgflow.upgrade_target[];
  v_fitting pgflow.upgrade_target[];
  v_problems jsonb;
begin
  if p_run_ids is null or array_position(p_run_ids, null) is not null then
    raise exception using
      errcode = 'PF209',
      message = 'p_run_ids must be an array without null',
      detail = '{}',
      hint = 'pass the ids of the runs';
  end if;
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(p_run_ids);
  -- A claim under way moves a row from tasks to leases; this waits for it, and keeps the others off.
  perform 1
  from pgflow.tasks as t
  where t.run_id = any (p_run_ids)
  order by t.run_id, t.step_slug, t.task_index
  for update;

  v_targets := array(
    select (r.run_id, r.flow_slug, r.version, coalesce(p_version, f.current_version))::pgflow.upgrade_target
    from pgflow.runs as r
    join pgflow.flows as f on f.flow_slug = r.flow_slug
    where r.run_id = any (p_run_ids)
  );
  select jsonb_object_agg(p.run_id, p.problems) into v_problems
  from (
    select
      p.run_id,
      jsonb_agg(jsonb_build_object('step', p.step_slug, 'reason', p.reason) order by p.step_slug nulls first)
        as problems
    from pgflow._upgrade_problems(v_targets) as p
    group by p.run_id
  ) as p;
  v_fitting := array(
    select t
    from unnest(v_targets) as t
    where t.from_version <> t.to_version
      and not coalesce(v_problems ? t.run_id::text, false)
  );
  if cardinality(v_fitting) > 0 then
    perform pgflow._move_runs(v_fitting);
  end if;

  return query
  select
    n.run_id,
    t.from_version,
    coalesce(t.to_version, p_version),
    case
      when t.run_id is null then 'refused'
      when v_problems ? t.run_id::text then 'refused'
      when t.from_version = t.to_version then 'unchanged'
      else 'upgraded'
    end,
    case
      when t.run_id is null then '[{"step": null, "reason": "there is no such run"}]'::jsonb
      else coalesce(v_problems -> t.run_id::text, '[]')
    end
  from unnest(p_run_ids) with ordinality as n (run_id, ordinal)
  left join unnest(v_targets) as t on t.run_id = n.run_id
  order by n.ordinal;
end;
$$;
