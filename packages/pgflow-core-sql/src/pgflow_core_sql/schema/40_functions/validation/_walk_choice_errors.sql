-- _walk_choice_errors: the errors of a value that fits no alternative, or too many.
-- Called by: _walk_choice.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors. When its type alone fits no alternative, one that names the types.
create or replace function pgflow._walk_choice_errors(
  p_program jsonb, p_node jsonb, p_keyword text, p_choices jsonb, p_value jsonb, p_fitting jsonb [],
  p_closest_index jsonb, p_closest jsonb
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_alternatives constant jsonb := p_node -> p_keyword;
  v_types text;
  v_allowed jsonb;
begin
  if cardinality(p_fitting) > 1 then
    return pgflow._error_item(
      '',
      p_keyword,
      format(
        'fits alternatives %s, must fit exactly one',
        (
          select string_agg(a.ordinality::text, ' and ' order by a.ordinality)
          from jsonb_array_elements(v_alternatives) with ordinality as a
          where a.value = any (p_fitting)
        )
      )
    );
  end if;
  if p_choices = '[]' then
    select string_agg(t.type, ' or ' order by t.n) into v_types
    from (
      select t.type, min(a.ordinality) as n
      from jsonb_array_elements(v_alternatives) with ordinality as a
      cross join lateral (select p_program -> a.value::integer) as b (node)
      cross join lateral (
        select e.value from jsonb_array_elements_text(b.node -> 'type') as e
        union all
        select jsonb_typeof(e.value)
        from jsonb_array_elements(case when not b.node ? 'type' then b.node -> 'enum' end) as e
      ) as t (type)
      group by t.type
    ) as t;
    return pgflow._error_item(
      '', 'type', format('expected %s, got %s', coalesce(v_types, 'nothing'), jsonb_typeof(p_value))
    );
  end if;
  select jsonb_agg(e.value) into v_allowed
  from jsonb_array_elements(p_choices) as c
  cross join lateral jsonb_array_elements(p_program -> c.value::integer -> 'enum') as e
  having not exists (
    select 1 from jsonb_array_elements(p_choices) as c where not p_program -> c.value::integer ? 'enum'
  );
  if v_allowed is not null then
    return pgflow._error_item('', 'enum', pgflow._not_one_of(p_value, v_allowed));
  end if;
  return pgflow._error_item(
    '',
    p_keyword,
    format(
      'fits none of %s alternatives; what follows is wrong with number %s, the closest',
      jsonb_array_length(v_alternatives),
      (
        select a.ordinality
        from jsonb_array_elements(v_alternatives) with ordinality as a
        where a.value = p_closest_index
        limit 1
      )
    )
  ) || p_closest;
end;
$$;
