-- _residuals_fit: do the residual checks of a schema hold for a value.
-- Called by: _check_value.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer; see _residual_checks.
-- In PL/pgSQL, because PostgreSQL before 18 plans a query in SQL anew with each call.
create or replace function pgflow._residuals_fit(
  p_value jsonb, p_paths jsonpath [], p_kinds text [], p_mins integer [], p_maxs integer []
) returns boolean
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
set jit = off  -- as _explain says
as $$
begin
  return not exists (
    select 1
    from unnest(p_paths, p_kinds, p_mins, p_maxs) as r (path, kind, at_least, at_most)
    cross join lateral jsonb_path_query(p_value, r.path) as v (value)
    where case r.kind
      when 'length'
        then jsonb_typeof(v.value) = 'string'
          and (length(v.value #>> '{}') < r.at_least or length(v.value #>> '{}') > r.at_most)
      when 'properties'
        then jsonb_typeof(v.value) = 'object'
          and (
            select count(*) < r.at_least or count(*) > r.at_most from jsonb_object_keys(v.value)
          )
      else
        jsonb_typeof(v.value) = 'array'
        and (select count(*) > count(distinct e.value) from jsonb_array_elements(v.value) as e)
    end
  );
end;
$$;
