-- _start_ready_steps: start every step whose last dep has just ended: hand it to the worker that
-- completed the dep, or queue it. Steps that are not plain are only told.
-- The caller holds the locks of the runs and wrote the results in an earlier statement, so this
-- one sees every dep that has ended, whoever ended it; a step cannot be ready twice,
-- because one of its deps ended only now.
-- `offset 0` keeps each lookup a lookup by whole key. Flattened into joins, a plan that was made
-- while the tables were small reads an index by its last column and never recovers.
-- Called by: _complete_batch, _give_up, _advance_runs, _start_special_steps.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   the leases of those handed to the worker, and the steps that are not plain,
--            which _start_special_steps is to start; null for none.
create or replace function pgflow._start_ready_steps(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_worker_id uuid,
  p_taking integer,  -- how many tasks the worker takes; all but one of them may be handed to it
  p_lease_seconds double precision,
  out handed pgflow.leases [],
  out special pgflow.ready_step []
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_served integer[];
  v_queued integer[];
begin
  if p_taking > 0 then
    select w.contract_ids into v_served
    from pgflow.workers as w
    where w.worker_id = p_worker_id;
  end if;
  with candidate as (
    select distinct n.run_id, r.flow_slug, r.version, d.to_step_slug as step_slug
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    cross join lateral (
      select d.to_step_slug
      from pgflow.deps as d
      where d.flow_slug = r.flow_slug
        and d.version = r.version
        and d.from_step_slug = n.step_slug
      offset 0
    ) as d
  ),
  ready as (
    select
      c.run_id, c.flow_slug, c.version, c.step_slug, s.contract_id, s.kind, s.is_plain,
      coalesce(s.contract_id = any (v_served) and s.is_plain, false)
        and row_number() over (
          order by s.contract_id = any (v_served) and s.is_plain desc nulls last
        ) < p_taking as is_handed
    from candidate as c
    join pgflow.steps as s
      on s.flow_slug = c.flow_slug and s.version = c.version and s.step_slug = c.step_slug
    where not exists (
      select 1
      from pgflow.deps as d
      where d.flow_slug = c.flow_slug
        and d.version = c.version
        and d.to_step_slug = c.step_slug
        and not exists (
          select 1
          from pgflow.step_states as ss
          where ss.run_id = c.run_id
            and ss.step_slug = d.from_step_slug
            and ss.status in ('completed', 'skipped')
          offset 0
        )
      offset 0
    )
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select r.run_id, r.step_slug, v_now from ready as r where r.is_plain
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
    select r.run_id, r.step_slug, r.contract_id, v_now
    from ready as r
    where r.is_plain and not r.is_handed
  ),
  leased as (
    insert into pgflow.leases as l (
      run_id, step_slug, task_index, contract_id, attempt, lease_id, worker_id,
      claimed_at, leased_until
    )
    select
      r.run_id, r.step_slug, 0, r.contract_id, 1, gen_random_uuid(), p_worker_id,
      v_now, v_now + make_interval(secs => p_lease_seconds)
    from ready as r
    where r.is_handed
    returning l as lease
  )
  select
    array_agg(r.contract_id) filter (where r.is_plain and not r.is_handed),
    array_agg(
      (r.run_id, r.flow_slug, r.version, r.step_slug, r.kind, r.contract_id)::pgflow.ready_step
    ) filter (where not r.is_plain),
    (select array_agg(l.lease) from leased as l)
  into v_queued, special, handed
  from ready as r;

  -- The worker claims what is left of them itself as far as it can; others are woken for the rest.
  if cardinality(v_queued) > p_taking - coalesce(cardinality(handed), 0)
    or not v_queued <@ coalesce(v_served, '{}')
  then
    perform pgflow._wake_workers(v_queued, p_worker_id);
  end if;
end;
$$;
