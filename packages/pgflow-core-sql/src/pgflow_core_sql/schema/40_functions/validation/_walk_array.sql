-- _walk_array: do the items of an array fit, and are they as many and as different as they must be.
-- Called by: _walk, when the node says more about arrays than how long they are.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_array(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_left integer := p_wanted;
  v_errors jsonb;
  v_found jsonb;
  v_key text;
  v_child jsonb;
  v_sub jsonb;
  v_fitting integer := 0;
begin
  if p_node ?| '{prefixItems,items}' then
    for v_key, v_child, v_sub in
      select e.ordinality - 1, e.value, n.node
      from jsonb_array_elements(p_value) with ordinality as e
      cross join lateral (
        select p_program -> coalesce(
          p_node -> 'prefixItems' -> (e.ordinality - 1)::integer, p_node -> 'items'
        )::integer
      ) as n (node)
      where not coalesce(n.node -> 'accepts' ? jsonb_typeof(e.value), n.node <> 'false', true)
    loop
      v_found := case
        when v_sub <> 'false' then pgflow._walk(p_program, v_sub, v_child, v_left, p_deadline)
        else pgflow._unexpected(v_left, p_node, v_key)
      end;
      if v_found is not null then
        v_errors := coalesce(v_errors, '[]') || pgflow._under(v_key, v_found);
        v_left := p_wanted - jsonb_array_length(v_errors);
        if v_left <= 0 then
          return v_errors;
        end if;
      end if;
    end loop;
  end if;
  if p_node ? 'uniqueItems' then
    v_found := pgflow._equal_items(p_value);
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || case when v_left > 0 then v_found else '[]' end;
      v_left := p_wanted - jsonb_array_length(v_errors);
    end if;
  end if;
  if p_node ? 'contains' and (v_errors is null or v_left > 0) then
    v_sub := p_program -> (p_node -> 'contains')::integer;
    for v_child in select e.value from jsonb_array_elements(p_value) as e loop
      if pgflow._walk(p_program, v_sub, v_child, 0, p_deadline) is null then
        v_fitting := v_fitting + 1;
      end if;
    end loop;
    if v_fitting < coalesce((p_node -> 'minContains')::integer, 1) or v_fitting > (p_node -> 'maxContains')::integer
    then
      v_errors := coalesce(v_errors, '[]') || pgflow._walk_count_errors(p_node, 'Contains', v_fitting, v_left);
    end if;
  end if;
  return v_errors;
end;
$$;
