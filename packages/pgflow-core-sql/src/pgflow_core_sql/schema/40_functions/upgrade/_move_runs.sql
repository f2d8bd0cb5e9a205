-- _move_runs: give runs another version, and start what is ready in it.
-- Called by: upgrade_runs, for runs without problems. The caller holds the locks of the runs and of their tasks.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._move_runs(p_targets pgflow.upgrade_target []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[] := array(select t.run_id from unnest(p_targets) as t);
  v_contract_ids integer[];
  v_special pgflow.ready_step[];
begin
  update pgflow.runs as r
  set version = t.to_version
  from unnest(p_targets) as t
  where r.run_id = t.run_id;

  with moved as (
    update pgflow.tasks as q
    set contract_id = s.contract_id
    from unnest(p_targets) as t
    join pgflow.steps as s on s.flow_slug = t.flow_slug and s.version = t.to_version
    where q.run_id = t.run_id
      and q.step_slug = s.step_slug
      and q.contract_id <> s.contract_id
    returning q.contract_id
  ),
  ready as materialized (
    select t.run_id, s.flow_slug, s.version, s.step_slug, s.contract_id, s.kind, s.is_plain
    from unnest(p_targets) as t
    join pgflow.steps as s on s.flow_slug = t.flow_slug and s.version = t.to_version
    where s.kind <> 'failure'
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = t.run_id and ss.step_slug = s.step_slug
    )
    and not exists (
      select 1 from pgflow.timers as w where w.run_id = t.run_id and w.kind = 'start'
    )
    and not exists (
      select 1
      from pgflow.deps as d
      where d.flow_slug = t.flow_slug
        and d.version = t.to_version
        and d.to_step_slug = s.step_slug
        and not exists (
          select 1
          from pgflow.step_states as ss
          where ss.run_id = t.run_id and ss.step_slug = d.from_step_slug
            and ss.status in ('completed', 'skipped')
        )
    )
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select r.run_id, r.step_slug, v_now from ready as r where r.is_plain
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
    select r.run_id, r.step_slug, r.contract_id, v_now from ready as r where r.is_plain
    returning contract_id
  )
  select
    array(select m.contract_id from moved as m union select q.contract_id from queued as q),
    (
      select array_agg(
        (r.run_id, r.flow_slug, r.version, r.step_slug, r.kind, r.contract_id)::pgflow.ready_step
      )
      from ready as r
      where not r.is_plain
    )
  into v_contract_ids, v_special;

  perform pgflow._wake_workers(v_contract_ids);
  if v_special is not null then
    perform pgflow._start_special_steps(v_special);
  end if;
  -- The version may lack the steps that were still to come.
  perform pgflow._complete_runs(array_agg(ss.run_id), array_agg(ss.step_slug))
  from pgflow.step_states as ss
  where ss.run_id = any (v_run_ids)
    and ss.status in ('completed', 'skipped');
  perform pgflow._notify_watchers(v_run_ids);
end;
$$;
