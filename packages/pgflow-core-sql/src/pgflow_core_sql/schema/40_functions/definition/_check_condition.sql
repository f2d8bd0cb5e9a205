-- _check_condition: refuse what is no condition, or asks for a result that the step does not wait for.
-- Called by: _check_rules.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a condition.
-- Returns:   nothing.
create or replace function pgflow._check_condition(
  p_condition jsonb, p_at text, p_step jsonb, p_flow_slug text, p_depth integer default 1
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_keys text[];
  v_of jsonb := p_condition -> 'of';
begin
  v_keys := case
    when v_op in ('and', 'or', 'not', 'is_null', 'is_true') then array['op', 'of']
    when v_op in ('==', '!=', '<', '<=', '>', '>=', 'contains') then array['op', 'left', 'right']
    when v_op = 'in' then array['op', 'left', 'values']
  end;
  if v_keys is null or jsonb_typeof(p_condition -> 'op') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format(
        'flow %L: a condition is a JSON object whose "op" is one of and, or, not, ==, !=, <, <=, >, >=, '
        'in, contains, is_null, is_true', p_flow_slug
      )
    );
  elsif not p_condition ?& v_keys or p_condition - v_keys <> '{}' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format(
        'flow %L: a condition with op "%s" has the members %s', p_flow_slug, v_op, array_to_string(v_keys, ', ')
      )
    );
  elsif p_depth > 100 then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format('flow %L: conditions may be nested 100 deep', p_flow_slug)
    );
  end if;

  if v_op in ('and', 'or') then
    if jsonb_typeof(v_of) <> 'array' or v_of = '[]' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/of', format('flow %L: must be an array of at least one condition', p_flow_slug)
      );
    end if;
    perform pgflow._check_condition(
      e.value, format('%s/of/%s', p_at, e.ordinality - 1), p_step, p_flow_slug, p_depth + 1
    )
    from jsonb_array_elements(v_of) with ordinality as e;
  elsif v_op = 'not' then
    perform pgflow._check_condition(v_of, p_at || '/of', p_step, p_flow_slug, p_depth + 1);
  elsif v_op in ('is_null', 'is_true') then
    perform pgflow._check_operand(v_of, p_at || '/of', p_step, p_flow_slug);
  else
    perform pgflow._check_operand(p_condition -> 'left', p_at || '/left', p_step, p_flow_slug);
    if v_op <> 'in' then
      perform pgflow._check_operand(p_condition -> 'right', p_at || '/right', p_step, p_flow_slug);
    elsif jsonb_typeof(p_condition -> 'values') <> 'array' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/values', format('flow %L: must be an array of values', p_flow_slug)
      );
    end if;
  end if;
end;
$$;
