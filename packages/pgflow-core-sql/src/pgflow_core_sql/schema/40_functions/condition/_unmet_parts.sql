-- _unmet_parts: which parts of a condition keep it from holding in a run, and by which values.
-- Payload and results never change, so this may be asked at any time after the step was skipped.
-- Called by: _unmet_error.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   for each such part its JSON pointer within the condition and what is to be said of it;
--            nothing when the condition is as it is wanted.
create or replace function pgflow._unmet_parts(
  p_condition jsonb,
  p_run_id uuid,
  p_at text default '',
  p_wanted boolean default true  -- false: which parts keep it from not holding
) returns table (at text, told text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_operands jsonb[];
begin
  if pgflow._condition_holds(p_condition, p_run_id) = p_wanted then
    return;
  elsif v_op in ('and', 'or') then
    return query
    select u.at, u.told
    from jsonb_array_elements(p_condition -> 'of') with ordinality as e
    cross join lateral pgflow._unmet_parts(
      e.value, p_run_id, format('%s/of/%s', p_at, e.ordinality - 1), p_wanted
    ) as u
    order by e.ordinality;
    return;
  elsif v_op = 'not' then
    return query
    select u.at, u.told
    from pgflow._unmet_parts(p_condition -> 'of', p_run_id, p_at || '/of', not p_wanted) as u;
    return;
  end if;

  v_operands := array_remove(array[p_condition -> 'left', p_condition -> 'right', p_condition -> 'of'], null);
  at := p_at;
  told := format(
    '%s is %s%s',
    case
      when v_op in ('is_null', 'is_true', 'contains') then format(
        '%s(%s)', v_op, (select string_agg(pgflow._show_operand(o), ', ') from unnest(v_operands) as o)
      )
      when v_op = 'in' then format('%s in %s', pgflow._show_operand(v_operands[1]), left(p_condition ->> 'values', 200))
      else format('%s %s %s', pgflow._show_operand(v_operands[1]), v_op, pgflow._show_operand(v_operands[2]))
    end,
    (not p_wanted)::text,
    (
      select ': ' || string_agg(
        format('%s is %s', pgflow._show_operand(o), pgflow._show(pgflow._operand_value(o, p_run_id))), ' and '
      )
      from unnest(v_operands) as o
      where not o ? 'value'
    )
  );
  return next;
end;
$$;
