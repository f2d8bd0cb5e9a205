-- _find_schema: the schema that a URI names, among resources that are loaded already.
-- Called by: _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the schema, null when there is none; the URI of the resource that it is part of, which
--            differs when the pointer leads through an `$id`; the JSON pointer within that resource.
create or replace function pgflow._find_schema(
  p_resources jsonb, p_uri text, p_fragment text,
  out schema jsonb, out uri text, out pointer text
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fragment text;
  v_token text;
begin
  uri := p_resources #>> array[p_uri, 'uri'];
  pointer := p_fragment;
  if p_fragment <> '' and p_fragment !~ '^/' then
    pointer := p_resources #>> array[p_uri, 'anchors', p_fragment];
  end if;
  if pointer is null then
    return;
  end if;
  if not p_resources -> p_uri ? 'nested' then
    schema := p_resources #> (
      array[p_uri, 'schema']
      || array(
        select replace(replace(t.token, '~1', '/'), '~0', '~')
        from unnest((string_to_array(pointer, '/'))[2:]) with ordinality as t (token, n)
        order by t.n
      )
    );
    return;
  end if;
  schema := p_resources #> array[uri, 'schema'];
  v_fragment := pointer;
  pointer := '';
  foreach v_token in array (string_to_array(v_fragment, '/'))[2:] loop
    schema := schema #> array[replace(replace(v_token, '~1', '/'), '~0', '~')];
    pointer := pointer || '/' || v_token;
    if jsonb_typeof(schema -> '$id') = 'string' then
      uri := split_part(pgflow._resolve_uri(uri, schema ->> '$id'), '#', 1);
      pointer := '';
    end if;
  end loop;
end;
$$;
