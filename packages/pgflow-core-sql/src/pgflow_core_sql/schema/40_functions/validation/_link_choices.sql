-- _link_choices: which alternatives of anyOf and oneOf a value may fit, by its type and its tag.
-- Called by: _link_hints.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the program. Each node whose `next` is `choice` has, beside what it had:
--   choices        by type, the indexes of the alternatives that a value of it may fit;
--   discriminator  {property, branches}. The alternatives all require the property, as one of some
--                  strings, and no string is allowed by two: `branches` leads from the JSON text of
--                  the string to the position in anyOf or oneOf;
--   accepts        now with the types that fit because an alternative accepts them.
create or replace function pgflow._link_choices(
  p_nodes jsonb [],
  p_frees text []  -- by node, the types that its own keywords leave alone, as the text of a text[]
) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_types constant text[] := '{object,array,string,number,boolean,"null"}';
  v_nodes jsonb[] := p_nodes;
  v_node jsonb;
  v_choices jsonb;
  v_discriminator jsonb;
begin
  for n in 1 .. cardinality(v_nodes) loop
    continue when v_nodes[n] ->> 'next' is distinct from 'choice';
    v_node := v_nodes[n];
    select coalesce(jsonb_object_agg(c.type, c.indexes), '{}') into v_choices
    from (
      select t.type, jsonb_agg(a.index order by a.n) as indexes
      from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
      cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
      cross join unnest(c_types) as t (type)
      where case
        when jsonb_typeof(b.node) = 'boolean' then b.node = 'true'
        else (
          (b.node -> 'type' ? t.type) is not false or t.type = 'number' and b.node -> 'type' ? 'integer'
        )
        and (
          not b.node ? 'enum'
          or exists (
            select 1 from jsonb_array_elements(b.node -> 'enum') as e where jsonb_typeof(e.value) = t.type
          )
        )
      end
      group by t.type
    ) as c;
    v_discriminator := (
      select jsonb_build_object('property', d.property, 'branches', d.branches)
      from (
        select r.property, jsonb_object_agg(e.value::text, a.n - 1) as branches
        from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
        cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
        cross join lateral jsonb_array_elements_text(b.node -> 'required') as r (property)
        cross join lateral (
          select v_nodes[(b.node -> 'properties' -> r.property)::integer + 1] -> 'enum'
        ) as p (enum)
        cross join lateral jsonb_array_elements(coalesce(p.enum, '[]')) as e
        group by r.property
        having count(distinct a.n) = jsonb_array_length(coalesce(v_node -> 'anyOf', v_node -> 'oneOf'))
          and count(*) = count(distinct e.value)
          and bool_and(jsonb_typeof(e.value) = 'string')
        limit 1
      ) as d
    );
    v_nodes[n] := v_node || jsonb_strip_nulls(
      jsonb_build_object(
        'choices', v_choices,
        'discriminator', v_discriminator,
        'accepts', (
          select coalesce(jsonb_agg(t.type), '[]')
          from unnest(p_frees[n]::text[]) as t (type)
          where (v_node -> 'type' ? t.type) is not false
            and (v_node ? 'anyOf' or jsonb_array_length(v_choices -> t.type) = 1)
            and exists (
              select 1
              from jsonb_array_elements(v_choices -> t.type) as c (index)
              where coalesce(
                v_nodes[c.index::integer + 1] -> 'accepts' ? t.type,
                v_nodes[c.index::integer + 1] = 'true'
              )
            )
        )
      )
    );
  end loop;
  return to_jsonb(v_nodes);
end;
$$;
