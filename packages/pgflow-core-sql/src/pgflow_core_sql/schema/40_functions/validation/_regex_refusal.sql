-- _regex_refusal: what to write instead of a part of a pattern that is not taken.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the sentence for the error report.
create or replace function pgflow._regex_refusal(p_part text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select format('%s in a pattern: ', to_jsonb(p_part)) || case
    when p_part = '\A' then 'write ^'
    when p_part in ('\Z', '\z') then 'write $'
    when p_part ~ '^\\[1-9k]' or p_part = '(?P=' then 'back references are not supported'
    when p_part ~ '^\\[pP]'
      then 'of the Unicode properties, only L, Lu, Ll and Nd are supported'
    when p_part ~ '^\\(?:0|u0000|x00|u\{0+\}|c@)$' then 'no text in Postgres holds this character'
    when p_part ~ '^\\' then 'ECMA-262 has no such escape'
    when p_part = '(?' then 'options in a pattern are not supported; for (?i) write both cases, [Aa]'
    when p_part = '[]' then 'an empty set matches nothing; write "not" or the schema false'
    else 'is not supported'
  end;
$$;
