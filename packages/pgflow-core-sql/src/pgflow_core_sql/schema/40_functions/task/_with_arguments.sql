-- _with_arguments: what a worker must know to run the tasks that it has just been given.
-- Called by: claim_tasks, exchange_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as claim_tasks: each task with its lease, the options of its step, and the arguments of
--            its handler, gathered from payload and results.
create or replace function pgflow._with_arguments(p_leases pgflow.leases []) returns table (
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
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
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
          when i.source = 'result' then (
            select s.step_result
            from pgflow.step_states as s
            where s.run_id = l.run_id and s.step_slug = i.from_step_slug
          ) #> i.path
          else (
            select r.error from pgflow.runs as r where r.run_id = l.run_id
          ) #> i.path
        end
      ) filter (where i.parameter is not null),
      '{}'
    )
  from unnest(p_leases) as l
  join pgflow.contracts as c on c.contract_id = l.contract_id
  left join pgflow.step_inputs as i on i.contract_id = l.contract_id
  -- Subqueries by whole key, not joins: from a plan made while the tables were small, a join
  -- read step_states by step_slug alone (17,000 steps/s fell to 1,100). And one grouping, not a
  -- join of gathered arguments with leases, which was quadratic: 12 of 17 ms for 500 tasks.
  group by
    l.lease_id, l.run_id, l.step_slug, l.task_index, l.attempt, l.contract_id, l.leased_until,
    c.timeout_seconds, c.max_attempts;
end;
$$;
