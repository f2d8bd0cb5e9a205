-- _link_target: where a schema that has `$id`, `$ref` or `$dynamicRef` leads.
-- A schema that is nothing but a reference is followed to its end; any other stands for itself.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    PF211 for a reference that leads nowhere or in a circle.
-- Returns:   the schema; the URI of its resource; its JSON pointer there; the dynamic scope, that is
--            by name the first dynamic anchor on the way to it; whether a reference led there; all
--            resources, if a document had to be loaded.
create or replace function pgflow._link_target(
  p_resources jsonb, p_schema jsonb, p_uri text, p_pointer text, p_scope jsonb, p_what text,
  out schema jsonb, out uri text, out pointer text, out scope jsonb, out is_target boolean,
  out resources jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- what may stand beside a reference without a meaning of its own
  c_beside constant text[] := '{$ref,$dynamicRef,$id,$schema,$anchor,$dynamicAnchor,$defs,$comment,'
    'title,description,default,examples,deprecated,readOnly,writeOnly}';
  c_hops constant integer := 100;
  v_reference text;
  v_target text;
  v_fragment text;
  v_document jsonb;
  v_problem text;
begin
  schema := p_schema;
  uri := p_uri;
  pointer := p_pointer;
  scope := p_scope;
  is_target := false;
  if jsonb_typeof(schema -> '$id') = 'string' then
    uri := split_part(pgflow._resolve_uri(uri, schema ->> '$id'), '#', 1);
    pointer := '';
  end if;
  for v_hop in 1 .. c_hops loop
    scope := coalesce(coalesce(resources, p_resources) #> array[uri, 'dynamic'], '{}') || scope;
    if jsonb_typeof(schema) <> 'object'
      or not schema ?| '{$ref,$dynamicRef}'
      or schema ?& '{$ref,$dynamicRef}'
      or schema - c_beside <> '{}'
    then
      return;
    end if;
    v_reference := coalesce(schema ->> '$ref', schema ->> '$dynamicRef');
    v_target := pgflow._resolve_uri(uri, v_reference);
    uri := split_part(v_target, '#', 1);
    v_fragment := pgflow._percent_decoded(substr(v_target, length(uri) + 2));
    if not coalesce(resources, p_resources) ? uri then
      select d.document into v_document
      from pgflow.schema_documents as d
      where d.uri = _link_target.uri;
      if not found then
        v_problem := 'names a document that this database does not have';
        exit;
      end if;
      resources := coalesce(resources, p_resources) || pgflow._schema_resources(v_document, uri, uri || '#');
      if not resources ? uri then  -- it calls itself by another name
        resources := resources || jsonb_build_object(
          uri, resources -> split_part(pgflow._resolve_uri(uri, v_document ->> '$id'), '#', 1)
        );
      end if;
    end if;
    v_document := schema;
    select f.* into schema, uri, pointer
    from pgflow._find_schema(coalesce(resources, p_resources), uri, v_fragment) as f;
    if v_document ? '$dynamicRef'
      and coalesce(resources, p_resources) #> array[uri, 'dynamic'] ? v_fragment
      and scope ? v_fragment
    then
      v_target := scope ->> v_fragment;
      select f.* into schema, uri, pointer
      from pgflow._find_schema(
        coalesce(resources, p_resources),
        split_part(v_target, '#', 1),
        substr(v_target, strpos(v_target, '#') + 1)
      ) as f;
    end if;
    if coalesce(jsonb_typeof(schema), '') not in ('object', 'boolean') then
      v_problem := 'leads to no schema';
      exit;
    end if;
    is_target := true;
  end loop;
  perform pgflow._raise_schema_invalid(
    p_what,
    pgflow._error_item(
      concat(
        p_resources #>> array[p_uri, 'at'],
        p_pointer,
        case when p_schema ? '$ref' then '/$ref' else '/$dynamicRef' end
      ),
      '$ref',
      pgflow._show(to_jsonb(v_reference)) || ' ' || coalesce(v_problem, 'leads in a circle')
    )
  );
end;
$$;
