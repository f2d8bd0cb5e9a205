-- _check_results: hold the results of a batch against budget and result schema of their steps.
-- Called by: _complete_batch, before it takes locks: how long this takes depends on the values.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   per task whether the result fits; else the error that the step gets, which is null when
--            the lease is over. Codes: PF606 does not fit; PF607 too large; PF608 a limit was hit.
--            And whether it is one of a map step.
create or replace function pgflow._check_results(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns table (ordinal bigint, fits boolean, error jsonb, of_map boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select
    n.ordinal,
    c.contract_id is not null and k.error is null,
    k.error,
    c.over_source is not null
  from (
    select u.*, pg_column_size(u.result) as bytes
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
      with ordinality as u (run_id, step_slug, task_index, lease_id, result, ordinal)
    offset 0
  ) as n
  left join lateral (
    select
      c.*, s.predicate, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs, s.residual_free_bytes
    from pgflow.leases as l
    join pgflow.contracts as c on c.contract_id = l.contract_id
    join pgflow.schemas as s on s.schema_id = c.result_schema_id
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    offset 0
  ) as c on true
  left join lateral (
    select case
      when n.bytes > c.max_result_bytes then jsonb_build_object(
        'code', 'PF607',
        'type', 'ResultTooLargeError',
        'message', format(
          'the result takes %s bytes as jsonb; the budget of the step is %s', n.bytes, c.max_result_bytes
        )
      )
      when v.errors is not null then pgflow._result_error(v.errors)
    end as error
    from (
      -- what fits at once is seen here: a call of _check_value for each would cost 2.3 us more
      select case
        when n.bytes > c.max_result_bytes then null
        when n.result @? c.predicate
          and (
            n.bytes <= c.residual_free_bytes
            or pgflow._residuals_fit(
              n.result, c.residual_paths, c.residual_kinds, c.residual_mins, c.residual_maxs
            )
          ) then null
        else pgflow._check_value(c.result_schema_id, n.result)
      end as errors
      offset 0
    ) as v
    where c.contract_id is not null
    offset 0
  ) as k on true;
end;
$$;
