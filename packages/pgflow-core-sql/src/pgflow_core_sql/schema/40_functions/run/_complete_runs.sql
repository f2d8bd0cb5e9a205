-- _complete_runs: complete every run whose last leaf has just ended.
-- When all leaves have completed or are skipped, every step has ended: each of the others is a dep of one of them.
-- `offset 0`: see _start_ready_steps.
-- Called by: _complete_batch, _move_runs, _give_up, _advance_runs, _start_special_steps. The caller holds
--            the locks of the runs.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._complete_runs(
  p_run_ids uuid [], p_step_slugs text []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
  v_sub_run_ids uuid[];
begin
  with candidate as (
    select distinct n.run_id, r.flow_slug, r.version
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id
    where (
      select s.is_leaf
      from pgflow.steps as s
      where s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
    )
  ),
  ended as (
    update pgflow.runs as r
    set status = 'completed', ended_at = pgflow._now()
    from candidate as c
    where r.run_id = c.run_id
      and r.status = 'started'
      and not exists (
        select 1
        from pgflow.steps as s
        where s.flow_slug = c.flow_slug
          and s.version = c.version
          and s.is_leaf
          and not exists (
            select 1
            from pgflow.step_states as ss
            where ss.run_id = c.run_id
              and ss.step_slug = s.step_slug
              and ss.status in ('completed', 'skipped')
            offset 0
          )
        offset 0
      )
    returning r.run_id, r.parent_run_id
  )
  select array_agg(e.run_id), array_agg(e.run_id) filter (where e.parent_run_id is not null)
  into v_run_ids, v_sub_run_ids
  from ended as e;
  if v_run_ids is not null then
    -- The deadline: a run that is done in a second would leave it behind for days.
    delete from pgflow.timers as t where t.run_id = any (v_run_ids);
  end if;
  if v_sub_run_ids is not null then
    perform pgflow._tell_parents(v_sub_run_ids);
  end if;
end;
$$;
