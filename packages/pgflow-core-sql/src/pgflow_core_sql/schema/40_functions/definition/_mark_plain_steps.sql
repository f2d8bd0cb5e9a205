-- _mark_plain_steps: note which steps of a flow get a task as soon as their deps have ended, and no question.
-- Of all versions, because versions share contracts, and with them the delay.
-- Called by: _put_steps.
-- Locks:     the steps that change.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._mark_plain_steps(p_flow_slug text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with recursive cascading as (
    select s.version, s.step_slug
    from pgflow.steps as s
    where s.flow_slug = p_flow_slug
      and (s.on_failure = 'skip_cascade' or s.condition is not null and s.when_unmet = 'skip_cascade')
    union
    select d.version, d.to_step_slug
    from cascading as c
    join pgflow.deps as d
      on d.flow_slug = p_flow_slug and d.version = c.version and d.from_step_slug = c.step_slug
  )
  update pgflow.steps as s
  set is_plain = n.is_plain
  from (
    select
      s.version, s.step_slug,
      s.kind = 'single'
        and s.condition is null
        and c.start_delay_seconds = 0
        and not exists (
          select 1
          from pgflow.deps as d
          join cascading as f on f.version = d.version and f.step_slug = d.from_step_slug
          where d.flow_slug = s.flow_slug and d.version = s.version and d.to_step_slug = s.step_slug
        ) as is_plain
    from pgflow.steps as s
    join pgflow.contracts as c on c.contract_id = s.contract_id
    where s.flow_slug = p_flow_slug
  ) as n
  where s.flow_slug = p_flow_slug
    and s.version = n.version
    and s.step_slug = n.step_slug
    and s.is_plain <> n.is_plain;
end;
$$;
