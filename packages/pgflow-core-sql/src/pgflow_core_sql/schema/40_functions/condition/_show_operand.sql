-- _show_operand: an operand of a condition as the flow module writes it, for messages.
-- Called by: _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text, as `flow.payload.kind`, `classify.result.items[0]`, `length(split.result)`.
create or replace function pgflow._show_operand(p_operand jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_operand ? 'value' then pgflow._show(p_operand -> 'value')
    when p_operand ? 'length' then format('length(%s)', pgflow._show_operand(p_operand -> 'length'))
    when p_operand ? 'or_else' then format(
      'or_else(%s, %s)',
      pgflow._show_operand(p_operand #> '{or_else,0}'), pgflow._show(p_operand #> '{or_else,1}')
    )
    else
      case p_operand ->> 'source' when 'payload' then 'flow.payload' else (p_operand ->> 'step') || '.result' end
      || coalesce((
        select string_agg(
          case
            when jsonb_typeof(p.value) = 'number' then format('[%s]', p.value)
            when p.value #>> '{}' ~ '^[a-zA-Z_][a-zA-Z0-9_]*$' then '.' || (p.value #>> '{}')
            else format('[%s]', pgflow._show(p.value))
          end,
          '' order by p.ordinality
        )
        from jsonb_array_elements(p_operand -> 'path') with ordinality as p
      ), '')
  end;
end;
$$;
