-- _outcomes: tell for each task of a batch what its report came to.
-- Called by: complete_tasks, exchange_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as complete_tasks.
create or replace function pgflow._outcomes(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_completed integer []  -- ordinals of those that _complete_batch completed
) returns table (ordinal integer, outcome text, error jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_completed integer[] := p_completed;
begin
  if cardinality(p_completed) = cardinality(p_run_ids) then
    return query
    select n::integer, 'completed', null::jsonb from generate_series(1, cardinality(p_run_ids)) as n;
    return;
  end if;
  v_completed := v_completed
    || pgflow._repeated_items(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results);
  return query
  select
    n.ordinal::integer,
    case
      when n.ordinal = any (v_completed) then 'completed'
      when exists (
        select 1
        from pgflow.step_states as s
        where s.run_id = n.run_id
          and s.step_slug = n.step_slug
          and s.lease_id = n.lease_id
          and s.step_result = n.result
          and n.task_index = 0
      ) then 'completed'
      when f.error is not null then 'failed'
      else 'stale'
    end,
    f.error
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
    with ordinality as n (run_id, step_slug, task_index, lease_id, result, ordinal)
  left join lateral (
    select a.error
    from pgflow.attempt_log as a
    where a.run_id = n.run_id
      and a.step_slug = n.step_slug
      and a.task_index = n.task_index
      and a.lease_id = n.lease_id
      and a.outcome = 'failed'
      and a.error ->> 'code' in ('PF606', 'PF607', 'PF608')
  ) as f on true
  order by n.ordinal;
end;
$$;
