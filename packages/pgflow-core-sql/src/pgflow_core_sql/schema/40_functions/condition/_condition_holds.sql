-- _condition_holds: whether the condition of a step holds in a run. It does or does not: there is no third.
-- `and` and `or` stop at the part that decides, so what comes after it is not read.
-- Called by: _fate, _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false.
create or replace function pgflow._condition_holds(p_condition jsonb, p_run_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_part jsonb;
  v_left jsonb;
  v_right jsonb;
begin
  if v_op in ('and', 'or') then
    for v_part in select e.value from jsonb_array_elements(p_condition -> 'of') as e loop
      if pgflow._condition_holds(v_part, p_run_id) <> (v_op = 'and') then
        return v_op = 'or';
      end if;
    end loop;
    return v_op = 'and';
  elsif v_op = 'not' then
    return not pgflow._condition_holds(p_condition -> 'of', p_run_id);
  elsif v_op in ('is_null', 'is_true') then
    return pgflow._operand_value(p_condition -> 'of', p_run_id)
      = case v_op when 'is_null' then 'null'::jsonb else 'true' end;
  end if;

  v_left := pgflow._operand_value(p_condition -> 'left', p_run_id);
  if v_op = 'in' then
    return exists (
      select 1 from jsonb_array_elements(p_condition -> 'values') as e where e.value = v_left
    );
  end if;
  v_right := pgflow._operand_value(p_condition -> 'right', p_run_id);
  return case v_op
    when '==' then v_left = v_right
    when '!=' then v_left <> v_right
    when 'contains' then pgflow._contains(v_left, v_right)
    else pgflow._in_order(v_op, v_left, v_right)
  end;
end;
$$;
