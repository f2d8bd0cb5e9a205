-- _schema_resources: the document and every schema in it that has an `$id`, with their anchors.
-- Called by: _link_schema, _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   by URI: `uri`; `schema`; `at`, where it is, for messages; `anchors`, name to
--            JSON pointer within it; `dynamic`, the dynamic anchors, name to URI with fragment.
create or replace function pgflow._schema_resources(
  p_document jsonb,
  p_uri text,
  p_at text  -- what JSON pointers into the document begin with in messages
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  v_uri text := p_uri;
begin
  if jsonb_typeof(p_document -> '$id') = 'string' then
    v_uri := split_part(pgflow._resolve_uri(p_uri, p_document ->> '$id'), '#', 1);
  end if;
  if p_document::text !~ '"\$(?:id|anchor|dynamicAnchor)"' then
    return jsonb_build_object(
      v_uri,
      jsonb_build_object('uri', v_uri, 'schema', p_document, 'at', p_at) || '{"anchors": {}, "dynamic": {}}'
    );
  end if;
  return (
    with recursive places as (
      select v_uri as uri, '' as pointer, p_at as at, p_document as schema
      union all
      select n.uri, case when n.begins then '' else n.pointer end, n.at, n.schema
      from (
        select
          p.pointer || s.step as pointer,
          p.at || s.step as at,
          s.schema,
          s.begins,
          case
            when s.begins
              then split_part(pgflow._resolve_uri(p.uri, s.schema ->> '$id'), '#', 1)
            else p.uri
          end as uri
        from places as p
        cross join lateral (
          select
            u.schema,
            pgflow._pointer('', u.keyword) || coalesce(pgflow._pointer('', u.name), '') as step,
            coalesce(jsonb_typeof(u.schema -> '$id') = 'string', false) as begins
          from pgflow._subschemas(p.schema) as u
        ) as s
      ) as n
    ),
    anchors as (
      select p.uri, p.pointer, a.name, a.dynamic
      from places as p
      cross join lateral (
        values (p.schema ->> '$anchor', false), (p.schema ->> '$dynamicAnchor', true)
      ) as a (name, dynamic)
      where a.name is not null
    )
    select jsonb_object_agg(
      p.uri,
      jsonb_build_object(
        'uri', p.uri,
        'schema', p.schema,
        'at', p.at,
        'nested', true,
        'anchors',
        coalesce(
          (select jsonb_object_agg(a.name, a.pointer) from anchors as a where a.uri = p.uri), '{}'
        ),
        'dynamic',
        coalesce(
          (
            select jsonb_object_agg(a.name, a.uri || '#' || a.pointer)
            from anchors as a
            where a.uri = p.uri and a.dynamic
          ),
          '{}'
        )
      )
    )
    from places as p
    where p.pointer = ''
  );
end;
$$;
