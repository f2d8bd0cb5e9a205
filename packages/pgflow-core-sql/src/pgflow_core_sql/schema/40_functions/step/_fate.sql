-- _fate: what becomes of a step of a run whose deps have all ended.
-- Called by: _start_special_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   'cascade' when it is skipped because a dep was; else 'start' when it has no condition or that
--            holds; else what is to follow: 'skip', 'skip_cascade', or 'fail' with the error.
create or replace function pgflow._fate(p_step pgflow.ready_step, out fate text, out error jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_condition jsonb;
begin
  if exists (
    select 1
    from pgflow.deps as d
    cross join lateral (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_step.run_id and ss.step_slug = d.from_step_slug and ss.cascades
      offset 0
    ) as ss
    where d.flow_slug = p_step.flow_slug
      and d.version = p_step.version
      and d.to_step_slug = p_step.step_slug
  ) then
    fate := 'cascade';
    return;
  end if;
  select s.condition, s.when_unmet into v_condition, fate
  from pgflow.steps as s
  where s.flow_slug = p_step.flow_slug
    and s.version = p_step.version
    and s.step_slug = p_step.step_slug;
  if v_condition is null or pgflow._condition_holds(v_condition, p_step.run_id) then
    fate := 'start';
  elsif fate = 'fail' then
    error := pgflow._unmet_error(p_step.step_slug, v_condition, p_step.run_id);
  end if;
end;
$$;
