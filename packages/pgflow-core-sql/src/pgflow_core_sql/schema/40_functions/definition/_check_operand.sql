-- _check_operand: refuse what is no operand of a condition.
-- Called by: _check_condition.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not an operand.
-- Returns:   nothing.
create or replace function pgflow._check_operand(
  p_operand jsonb, p_at text, p_step jsonb, p_flow_slug text, p_depth integer default 1
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_operand) = 'object' and p_depth <= 100 then
    if p_operand ? 'source' and p_operand - array['source', 'step', 'path'] = '{}' then
      perform pgflow._check_source(p_operand, p_at, p_step, p_flow_slug, array['payload', 'result']);
      return;
    elsif p_operand ? 'value' and p_operand - 'value' = '{}' then
      return;
    elsif p_operand ? 'length' and p_operand - 'length' = '{}' then
      perform pgflow._check_operand(p_operand -> 'length', p_at || '/length', p_step, p_flow_slug, p_depth + 1);
      return;
    elsif p_operand - 'or_else' = '{}'
      and jsonb_typeof(p_operand -> 'or_else') = 'array'
      and jsonb_array_length(p_operand -> 'or_else') = 2
    then
      perform pgflow._check_operand(
        p_operand #> '{or_else,0}', p_at || '/or_else/0', p_step, p_flow_slug, p_depth + 1
      );
      return;
    end if;
  end if;
  perform pgflow._raise_manifest_invalid(
    'PF206', p_at, format(
      'flow %L: an operand is {"source": "payload" or "result", ...}, {"value": ...}, {"length": operand} '
      'or {"or_else": [operand, value]}, nested 100 deep at most', p_flow_slug
    )
  );
end;
$$;
