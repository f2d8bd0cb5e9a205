-- claim_tasks: take up to p_limit waiting tasks that this worker has handlers for.
-- Each comes with a lease and with the arguments of its handler, gathered from payload and results.
-- Called by: worker, whenever it has capacity and nothing to report; exchange_tasks.
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
  v_began timestamptz := clock_timestamp();
  v_now timestamptz := pgflow._now();
  v_from jsonb := pgflow._claim_from();
  v_oldest jsonb;
  v_contract_ids integer[];
  v_idle boolean;
  v_leases pgflow.leases[];
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
            and t2.available_at >= coalesce((v_from ->> c.contract_id::text)::timestamptz, '-infinity')
          order by t2.available_at
          limit p_limit
          for update skip locked
        ) as q
        limit p_limit
      )
    )
    returning t.*
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
    returning l as lease
  )
  select
    coalesce((select array_agg(l.lease) from leased as l), '{}'),
    (
      select jsonb_object_agg(o.contract_id, o.available_at)
      from (
        select t.contract_id, min(t.available_at) as available_at from taken as t group by t.contract_id
      ) as o
    )
  into v_leases, v_oldest;

  if v_from is not null or clock_timestamp() - v_began > interval '10 ms' then
    perform pgflow._keep_claim_from(
      v_contract_ids, v_from, v_oldest,
      case when cardinality(v_leases) < p_limit then v_now end, clock_timestamp() - v_began
    );
  end if;
  if v_idle <> (cardinality(v_leases) < p_limit) then
    update pgflow.workers as w set idle = not v_idle where w.worker_id = p_worker_id;
  end if;
  return query
  select a.* from pgflow._with_arguments(v_leases) as a;
end;
$$;
