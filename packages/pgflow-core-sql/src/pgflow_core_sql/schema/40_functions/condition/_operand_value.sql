-- _operand_value: what an operand of a condition is in a run.
-- Called by: _condition_holds, _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the value; JSON null for what is not there, as the result of a step that was skipped.
create or replace function pgflow._operand_value(p_operand jsonb, p_run_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb;
begin
  if p_operand ? 'value' then
    return p_operand -> 'value';
  elsif p_operand ? 'length' then
    v_value := pgflow._operand_value(p_operand -> 'length', p_run_id);
    return case jsonb_typeof(v_value)
      when 'array' then to_jsonb(jsonb_array_length(v_value))
      when 'string' then to_jsonb(char_length(v_value #>> '{}'))
      when 'object' then (select to_jsonb(count(*)) from jsonb_object_keys(v_value))
      else 'null'
    end;
  elsif p_operand ? 'or_else' then
    v_value := pgflow._operand_value(p_operand #> '{or_else,0}', p_run_id);
    return case v_value when 'null' then p_operand #> '{or_else,1}' else v_value end;
  elsif p_operand ->> 'source' = 'payload' then
    select r.payload into v_value from pgflow.runs as r where r.run_id = p_run_id;
  else
    select s.step_result into v_value
    from pgflow.step_states as s
    where s.run_id = p_run_id
      and s.step_slug = p_operand ->> 'step';
  end if;
  return coalesce(
    v_value #> array(select jsonb_array_elements_text(coalesce(p_operand -> 'path', '[]'))), 'null'
  );
end;
$$;
