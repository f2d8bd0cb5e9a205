-- _regex_class: what an escape of ECMA-262 that stands for a set of characters is in Postgres.
-- Explicit sets, because `\d`, `\w` and `\s` of Postgres depend on the locale of the database. There
-- is no explicit set for letters: `\p{L}` is what the locale of the database calls a letter.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the content of a bracket expression; null when the escape is no such set, or when its
--            complement cannot be written inside other brackets.
create or replace function pgflow._regex_class(p_escape text, p_in_brackets boolean) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select case
    when p_escape = '\d' then '0-9'
    when p_escape = '\w' then 'A-Za-z0-9_'
    when p_escape = '\s'
      then '\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
    when p_escape = '\D' then '\u0001-/:-\U0010ffff'
    when p_escape = '\W' then '\u0001-/:-@\u005b-\u005e`{-\U0010ffff'
    when p_escape = '\S'
      then '\u0001-\u0008\u000e-\u001f!-\u009f\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e'
        || '\u2030-\u205e\u2060-\u2fff\u3001-\ufefe\uff00-\U0010ffff'
    when p_escape ~ '^\\p' then n.name
    when p_escape ~ '^\\P' and not p_in_brackets then '^' || n.name
  end
  from (
    select case substring(p_escape from '^\\[pP]\{(?:(?:General_Category|gc)=)?([^}]*)\}$')
      when 'L' then '[:alpha:]'
      when 'Letter' then '[:alpha:]'
      when 'Alphabetic' then '[:alpha:]'
      when 'Lu' then '[:upper:]'
      when 'Uppercase_Letter' then '[:upper:]'
      when 'Ll' then '[:lower:]'
      when 'Lowercase_Letter' then '[:lower:]'
      when 'Nd' then '[:digit:]'
      when 'digit' then '[:digit:]'
      when 'Decimal_Number' then '[:digit:]'
      when 'ASCII' then '\u0001-\u007f'
      when 'Any' then '\u0001-\U0010ffff'
    end
  ) as n (name);
$$;
