-- claim_tasks: take up to p_limit waiting tasks that this worker has handlers for.
-- Each comes with a lease and with the arguments of its handler, gathered from payload and results.
-- Called by: worker, whenever it has capacity.
-- Locks:     tasks, skipping those that others hold; never waits.
-- Raises:    PF104 unknown or dead worker; PF203 limit or lease out of range.
-- Returns:   the claimed tasks; fewer than asked means that no more are waiting now.
create or replace function pgflow.claim_tasks(
  p_worker_id uuid,
  p_limit integer,
  p_lease_seconds double precision default 30
) returns table (
  run_id uuid,
  step_slug text,
  task_index integer,
  attempt integer,
  lease_id uuid,
  contract_id integer,
  leased_until timestamptz,
  timeout_seconds double precision,
  max_attempts integer,
  args jsonb
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_contract_ids integer[];
  v_idle boolean;
  v_count integer;
begin
  perform pgflow._check_claim(p_limit, p_lease_seconds);
  select w.contract_ids, w.idle into v_contract_ids, v_idle
  from pgflow.workers as w
  where w.worker_id = p_worker_id
    and w.status = 'running';
  if not found then
    perform pgflow._raise_worker_not_found(p_worker_id);
  end if;

  -- Contracts are asked in turn until p_limit rows are locked, and not one row more; from another
  -- one each time, so that the backlog of one flow cannot starve the others.
  v_contract_ids := pgflow._rotate(v_contract_ids);
  return query
  with taken as (
    delete from pgflow.tasks as t
    where t.ctid = any (
      array(
        select q.ctid
        from unnest(v_contract_ids) as c (contract_id)
        cross join lateral (
          select t2.ctid
          from pgflow.tasks as t2
          where t2.contract_id = c.contract_id
            and t2.available_at <= v_now
          order by t2.available_at
          limit p_limit
          for update skip locked
        ) as q
        limit p_limit
      )
    )
    returning t.run_id, t.step_slug, t.task_index, t.contract_id, t.attempts_count
  ),
  leased as (
    insert into pgflow.leases as l (
      run_id, step_slug, task_index, contract_id, attempt, lease_id, worker_id,
      claimed_at, leased_until
    )
    select
      t.run_id, t.step_slug, t.task_index, t.contract_id, t.attempts_count + 1,
      gen_random_uuid(), p_worker_id, v_now, v_now + make_interval(secs => p_lease_seconds)
    from taken as t
    returning l.*
  )
  select
    l.run_id, l.step_slug, l.task_index, l.attempt, l.lease_id, l.contract_id, l.leased_until,
    c.timeout_seconds, c.max_attempts,
    coalesce(
      jsonb_object_agg(
        i.parameter,
        case
          when i.source = 'each' then (
            select m.item
            from pgflow.map_items as m
            where m.run_id = l.run_id and m.step_slug = l.step_slug and m.task_index = l.task_index
          ) #> i.path
          when c.over_source is not null then (
            select m.shared_args -> i.parameter
            from pgflow.maps as m
            where m.run_id = l.run_id and m.step_slug = l.step_slug
          )
          when i.source = 'payload' then (
            select r.payload from pgflow.runs as r where r.run_id = l.run_id
          ) #> i.path
          else (
            select s.step_result
            from pgflow.step_states as s
            where s.run_id = l.run_id and s.step_slug = i.from_step_slug
          ) #> i.path
        end
      ) filter (where i.parameter is not null),
      '{}'
    )
  from leased as l
  join pgflow.contracts as c on c.contract_id = l.contract_id
  left join pgflow.step_inputs as i on i.contract_id = l.contract_id
  -- Two subqueries by whole key, not joins: from a plan made while the tables were small, a join
  -- read step_states by step_slug alone (17,000 steps/s fell to 1,100). And one grouping, not a
  -- join of gathered arguments with leases, which was quadratic: 12 of 17 ms for 500 tasks.
  group by
    l.lease_id, l.run_id, l.step_slug, l.task_index, l.attempt, l.contract_id, l.leased_until,
    c.timeout_seconds, c.max_attempts;

  get diagnostics v_count = row_count;
  if v_idle <> (v_count < p_limit) then
    update pgflow.workers as w set idle = not v_idle where w.worker_id = p_worker_id;
  end if;
end;
$$;
