-- _percent_decoded: the fragment of a URI as it is meant.
-- Called by: _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text; as it was, when its escapes are not UTF-8.
create or replace function pgflow._percent_decoded(p_text text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if strpos(p_text, '%') = 0 then
    return p_text;
  end if;
  return (
    select convert_from(
      string_agg(
        case when p.m[1] ~ '^%..' then decode(substr(p.m[1], 2), 'hex') else convert_to(p.m[1], 'UTF8') end,
        '' order by p.n
      ),
      'UTF8'
    )
    from regexp_matches(p_text, '(%[0-9A-Fa-f]{2}|[^%]+|%)', 'g') with ordinality as p (m, n)
  );
exception
  when character_not_in_repertoire or untranslatable_character then
    return p_text;
end;
$$;
