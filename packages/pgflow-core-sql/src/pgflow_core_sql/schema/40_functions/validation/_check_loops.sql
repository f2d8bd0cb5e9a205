-- _check_loops: refuse a schema that refers to itself for the same value, which would never end.
-- Called by: _link_schema, when a reference leads back.
-- Locks:     none.
-- Raises:    PF211 when there is such a circle.
-- Returns:   nothing.
create or replace function pgflow._check_loops(
  p_nodes jsonb [], p_at text, p_what text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from integer[];
  v_to integer[];
  v_count integer;
begin
  select array_agg(n.n - 1), array_agg(s.index)
  into v_from, v_to
  from unnest(p_nodes) with ordinality as n (node, n)
  cross join lateral (
    select e.value::integer
    from jsonb_each(case jsonb_typeof(n.node) when 'object' then n.node else '{}' end) as k
    cross join lateral jsonb_path_query(
      k.value, case jsonb_typeof(k.value) when 'object' then '$.*' else '$[*]' end::jsonpath
    ) as e (value)
    where k.key in ('ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas')
  ) as s (index);
  -- take away what leads nowhere; what is left in the end leads in a circle
  loop
    v_count := cardinality(v_from);
    exit when coalesce(v_count, 0) = 0;
    select array_agg(e.source), array_agg(e.target)
    into v_from, v_to
    from unnest(v_from, v_to) as e (source, target)
    where e.target = any (v_from);
    if cardinality(v_from) = v_count then
      perform pgflow._raise_schema_invalid(
        p_what, pgflow._error_item(p_at, '$ref', 'a reference leads in a circle, for the same value')
      );
    end if;
  end loop;
end;
$$;
