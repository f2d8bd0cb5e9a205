-- register_worker: announce a worker and the handlers that it has.
-- Called by: worker, at its start and after it was declared dead.
-- Locks:     the row of the worker.
-- Raises:    PF203 beat out of range; PF209 arrays differ; PF402 a handler is not deployed.
-- Returns:   the contract id of each handler.
create or replace function pgflow.register_worker(
  p_worker_id uuid,
  p_name text,
  p_flow_slugs text [],
  p_step_slugs text [],
  p_digests text [],
  p_beat_seconds double precision default 10
) returns table (contract_id integer, flow_slug text, step_slug text, digest text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_missing jsonb;
  v_contract_ids integer[];
begin
  if cardinality(p_flow_slugs) is distinct from cardinality(p_step_slugs)
    or cardinality(p_flow_slugs) is distinct from cardinality(p_digests)
  then
    raise exception using
      errcode = 'PF209',
      message = 'the arrays of handlers must have one length',
      detail = jsonb_build_object('lengths', jsonb_build_array(
        cardinality(p_flow_slugs), cardinality(p_step_slugs), cardinality(p_digests)
      ))::text,
      hint = 'pass flow slug, step slug and digest of each handler';
  end if;
  if p_beat_seconds is null or p_beat_seconds not between 0.1 and 3600 then
    raise exception using
      errcode = 'PF203',
      message = format('p_beat_seconds is %s; it must be between 0.1 and 3600', coalesce(p_beat_seconds::text, 'null')),
      detail = jsonb_build_object('p_beat_seconds', p_beat_seconds)::text,
      hint = 'pass the interval at which the worker will call beat';
  end if;

  select
    array_agg(distinct c.contract_id),
    jsonb_agg(
      jsonb_build_object('flow', h.flow_slug, 'step', h.step_slug, 'digest', h.digest)
      order by h.ordinal
    ) filter (where c.contract_id is null)
  into v_contract_ids, v_missing
  from unnest(p_flow_slugs, p_step_slugs, p_digests)
    with ordinality as h (flow_slug, step_slug, digest, ordinal)
  left join pgflow.contracts as c
    on c.flow_slug = h.flow_slug and c.step_slug = h.step_slug and c.digest = h.digest;
  if v_missing is not null then
    raise exception using
      errcode = 'PF402',
      message = format('%s handlers are not deployed in this form', jsonb_array_length(v_missing)),
      detail = jsonb_build_object('missing', v_missing)::text,
      hint = 'deploy the flows of this worker first: pgflow deploy, or start it with --deploy';
  end if;

  insert into pgflow.workers as w (
    worker_id, name, contract_ids, beat_seconds, started_at, last_beat_at
  )
  values (
    p_worker_id, p_name, coalesce(v_contract_ids, '{}'), p_beat_seconds,
    pgflow._now(), pgflow._now()
  )
  on conflict (worker_id) do update
    set name = excluded.name, contract_ids = excluded.contract_ids, status = 'running',
      idle = false, beat_seconds = excluded.beat_seconds,
      last_beat_at = excluded.last_beat_at, ended_at = null;

  return query
  select c.contract_id, c.flow_slug, c.step_slug, c.digest
  from pgflow.contracts as c
  where c.contract_id = any (v_contract_ids)
  order by c.contract_id;
end;
$$;
