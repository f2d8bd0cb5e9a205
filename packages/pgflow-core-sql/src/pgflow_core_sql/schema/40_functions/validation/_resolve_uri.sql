-- _resolve_uri: the absolute form of a reference, as RFC 3986 section 5.2 says.
-- Called by: _find_schema, _link_target, _schema_resources.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the URI with its fragment; with an empty base, the reference as it is.
create or replace function pgflow._resolve_uri(p_base text, p_reference text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_base text[];
  v_path text;
  v_part text;
  v_parts text[] := '{}';
begin
  if p_reference ~ '^[A-Za-z][A-Za-z0-9+.-]*:' or p_base = '' then
    return p_reference;
  end if;
  if p_reference = '' or p_reference ~ '^#' then
    return split_part(p_base, '#', 1) || p_reference;
  end if;
  -- scheme, authority, path
  v_base := regexp_match(p_base, '^([A-Za-z][A-Za-z0-9+.-]*:)?(//[^/?#]*)?([^?#]*)');
  if p_reference ~ '^//' then
    return coalesce(v_base[1], '') || p_reference;
  end if;
  v_path := p_reference;
  if p_reference !~ '^/' then
    v_path := regexp_replace(v_base[3], '[^/]*$', '') || p_reference;
    if v_base[2] is not null and v_path !~ '^/' then
      v_path := '/' || v_path;
    end if;
  end if;
  foreach v_part in array string_to_array(split_part(split_part(v_path, '#', 1), '?', 1), '/') loop
    if v_part = '..' then
      v_parts := v_parts[: greatest(cardinality(v_parts) - 1, 1)];
    elsif v_part <> '.' then
      v_parts := v_parts || v_part;
    end if;
  end loop;
  return concat(
    v_base[1], v_base[2], array_to_string(v_parts, '/'), substring(v_path from '[?#].*$')
  );
end;
$$;
