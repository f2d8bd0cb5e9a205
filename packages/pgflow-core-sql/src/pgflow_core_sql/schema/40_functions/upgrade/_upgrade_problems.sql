-- _upgrade_problems: why runs cannot be moved to the versions they are to have.
-- Called by: upgrade_runs. The caller holds the locks of the runs and of their tasks.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   one row per problem, its step null when it is about the run; none for a run that may move,
--            and none for one that has the version.
create or replace function pgflow._upgrade_problems(p_targets pgflow.upgrade_target [])
returns table (run_id uuid, step_slug text, reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select t.run_id, null::text, p.reason
  from unnest(p_targets) as t
  join pgflow.runs as r on r.run_id = t.run_id
  left join pgflow.flow_versions as v on v.flow_slug = t.flow_slug and v.version = t.to_version
  cross join lateral (
    select case
      when t.from_version = t.to_version then null
      when r.status = 'cancelled' then 'it was cancelled'
      when r.status <> 'started' then format('it has %s', r.status)
      when v.version is null then format('flow %L has no version %s', t.flow_slug, t.to_version)
      when pg_column_size(r.payload) > v.max_payload_bytes then format(
        'its payload takes %s bytes; the budget is %s', pg_column_size(r.payload), v.max_payload_bytes
      )
      else pgflow._misfit('its payload', v.payload_schema_id, r.payload)
    end as reason
  ) as p
  where p.reason is not null;

  return query
  select t.run_id, ss.step_slug, p.reason
  from unnest(p_targets) as t
  join pgflow.runs as r on r.run_id = t.run_id and r.status = 'started'
  join pgflow.flow_versions as v on v.flow_slug = t.flow_slug and v.version = t.to_version
  join pgflow.step_states as ss on ss.run_id = t.run_id
  join pgflow.steps as o
    on o.flow_slug = t.flow_slug and o.version = t.from_version and o.step_slug = ss.step_slug
  left join pgflow.steps as n
    on n.flow_slug = t.flow_slug and n.version = t.to_version and n.step_slug = ss.step_slug
  left join pgflow.maps as m on m.run_id = t.run_id and m.step_slug = ss.step_slug
  left join lateral (
    select string_agg(d.from_step_slug, ', ' order by d.from_step_slug) as slugs
    from pgflow.deps as d
    where d.flow_slug = t.flow_slug
      and d.version = t.to_version
      and d.to_step_slug = ss.step_slug
      and not exists (
        select 1
        from pgflow.step_states as ds
        where ds.run_id = t.run_id and ds.step_slug = d.from_step_slug
          and ds.status in ('completed', 'skipped')
      )
  ) as missing on true
  cross join lateral (
    select case
      when n.step_slug is null then format('it has %s, and version %s has no such step', s.has, t.to_version)
      when missing.slugs is not null then format(
        'it has %s, and in version %s it waits for %s', s.has, t.to_version, missing.slugs
      )
      when n.contract_id = o.contract_id then null
      when n.kind <> o.kind then format('it has %s as a %s step, and is a %s step', s.has, o.kind, n.kind)
      when ss.status = 'completed' then
        pgflow._misfit('its result', pgflow._schema_id(n.result_schema), ss.step_result)
      when ss.status = 'skipped' then null
      when m.run_id is not null then 'it is at work on its items, for another contract'
      when o.kind <> 'single' then format('it waits as a %s, for another contract', o.kind)
      when exists (
        select 1 from pgflow.leases as l where l.run_id = t.run_id and l.step_slug = ss.step_slug
      ) then 'a worker holds its task, for another contract: try again when it has ended'
    end as reason
    from (select case ss.status when 'completed' then 'completed' else 'begun' end as has) as s
  ) as p
  where t.from_version <> t.to_version
    and p.reason is not null;
end;
$$;
