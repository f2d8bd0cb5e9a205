-- status: what there is to do, who does it, and what nobody can do.
-- Called by: the CLI, monitoring.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   schema_version; flows with waiting and leased tasks; workers of the last hour; and
--            'unserved': for each flow, version and step whose tasks wait though no living worker has
--            the handler, how many runs that are, and since when the oldest of them has been running.
create or replace function pgflow.status() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with waiting as (
    select t.contract_id, count(*) as tasks
    from pgflow.tasks as t
    group by t.contract_id
  ),
  leased as (
    select l.contract_id, l.worker_id, count(*) as tasks
    from pgflow.leases as l
    group by l.contract_id, l.worker_id
  ),
  per_flow as (
    select
      f.flow_slug, f.current_version,
      coalesce((
        select sum(w.tasks)
        from waiting as w join pgflow.contracts as c using (contract_id)
        where c.flow_slug = f.flow_slug
      ), 0) as waiting,
      coalesce((
        select sum(l.tasks)
        from leased as l join pgflow.contracts as c using (contract_id)
        where c.flow_slug = f.flow_slug
      ), 0) as leased
    from pgflow.flows as f
  )
  select jsonb_build_object(
    'schema_version', pgflow.schema_version(),
    'flows', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'slug', p.flow_slug, 'version', p.current_version,
          'waiting', p.waiting, 'leased', p.leased
        )
        order by p.flow_slug
      )
      from per_flow as p
    ), '[]'),
    'workers', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'worker_id', w.worker_id, 'name', w.name, 'status', w.status,
          'last_beat_at', w.last_beat_at,
          'leased', coalesce((select sum(l.tasks) from leased as l where l.worker_id = w.worker_id), 0)
        )
        order by w.status, w.name
      )
      from pgflow.workers as w
      where w.status = 'running'
        or w.last_beat_at > pgflow._now() - interval '1 hour'
    ), '[]'),
    'unserved', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'flow_slug', u.flow_slug, 'version', u.version, 'step_slug', u.step_slug,
          'runs', u.runs, 'oldest_started_at', u.oldest_started_at
        )
        order by u.flow_slug, u.version, u.step_slug
      )
      from (
        select
          r.flow_slug, r.version, t.step_slug,
          count(distinct t.run_id) as runs, min(r.started_at) as oldest_started_at
        from waiting as q
        join pgflow.tasks as t on t.contract_id = q.contract_id
        join pgflow.runs as r on r.run_id = t.run_id
        where not pgflow._is_served(q.contract_id)
        group by r.flow_slug, r.version, t.step_slug
      ) as u
    ), '[]')
  );
$$;
