-- _regex_to_are: a pattern of JSON Schema (ECMA-262) as an advanced regular expression of Postgres.
-- Of what other languages add, only the named group of Python and Rust, `(?P<name>`, is taken.
-- Called by: _link_keywords.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the translation, or why there is none.
create or replace function pgflow._regex_to_are(
  p_pattern text, out expression text, out refusal text
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  -- Postgres writes bounded repetitions out: ^(a{0,140}){0,140}b$ took 1.6 s to compile
  c_longest constant integer := 1000;
  v_token text;
  v_out text := '';
  v_part text;
  v_set text;
  v_class text;  -- what stands in the brackets so far; null outside of them
  v_was_set boolean := false;  -- the last thing in the brackets was a set, such as \w
  v_sizes integer[] := '{0}';  -- per open group, the characters it has when written out
  v_last integer := 0;  -- the same of the last atom
  v_bound integer;
begin
  refusal := case
    when p_pattern ~ '^\*' then 'a pattern that begins with *, which repeats nothing'
    when length(p_pattern) > c_longest then format('a pattern has at most %s characters', c_longest)
    when pgflow._regex_looks_far(p_pattern) then 'a look ahead or behind without bound: write ^ before it'
  end;
  if refusal is not null then
    return;
  end if;
  for v_token in
    select t.m[1] from regexp_matches(
      p_pattern,
      '(\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}'
      || '|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|[pP]\{[^}]*\}|k<[^>]*>|[0-9]+|.)'
      || '|\(\?P?<[A-Za-z_][A-Za-z0-9_]*>|\(\?P=|\(\?<[=!]|\(\?[:=!]|\(\?'
      || '|\{[0-9]+(?:,[0-9]*)?\}|\[\^?|.)',
      'g'
    ) as t (m)
  loop
    v_part := null;
    if v_token ~ '^\\.' then
      v_part := case
        when v_token ~ '^\\u\{'
          then '\U' || lpad(btrim(substr(v_token, 3), '{}'), 8, '0')
        when v_token ~ '^\\u.{4}\\'
          then '\U' || lpad(
            to_hex(
              65536 + (('x' || substr(v_token, 3, 4))::bit(16)::integer - 55296) * 1024
              + ('x' || substr(v_token, 9, 4))::bit(16)::integer - 56320
            ), 8, '0'
          )
        when v_token ~ '^\\u.{4}' then v_token
        when v_token ~ '^\\x..' then '\u00' || substr(v_token, 3)
        when v_token ~ '^\\c.' then '\u00' || lpad(to_hex(ascii(upper(substr(v_token, 3))) - 64), 2, '0')
        when v_token ~ '^\\[tnrfv]$' then v_token
        when v_token ~ '^\\[^A-Za-z0-9]$' then v_token
        when v_token = '\b' and v_class is null then '\y'
        when v_token = '\b' then '\u0008'
        when v_token = '\B' and v_class is null then '\Y'
      end;
      v_set := pgflow._regex_class(v_token, v_class is not null);
      if coalesce(v_part, v_set) is null or v_part ~ '^\\[uU]0+$' then
        refusal := pgflow._regex_refusal(v_token);
        return;
      end if;
      if v_set is not null then
        if v_class is not null then
          v_class := v_class || v_set;
          v_was_set := true;
          continue;
        end if;
        v_part := '[' || v_set || ']';
      end if;
    end if;
    if v_class is not null then
      if v_token <> ']' then
        v_class := v_class || case
          when v_part is not null then v_part
          when v_token = '-' and v_was_set then '\-'  -- after a set it is no range
          else replace(v_token, '[', '\[')
        end;
        v_was_set := false;
        continue;
      end if;
      if v_class = '[' then
        refusal := pgflow._regex_refusal('[]');
        return;
      end if;
      v_part := case when v_class = '[^' then '[\u0001-\U0010ffff]' else v_class || ']' end;
      v_class := null;
    elsif v_token in ('[', '[^') then
      v_class := v_token;
      v_was_set := false;
      continue;
    elsif v_token in ('(?', '(?P=') then
      refusal := pgflow._regex_refusal(v_token);
      return;
    end if;

    -- outside of brackets: count how long this grows when written out
    if v_token ~ '^\{[0-9]' then
      v_bound := greatest(
        substring(v_token from '^\{([0-9]{1,5})'), coalesce(substring(v_token from ',([0-9]{1,5})'), '0')
      )::integer;
      if v_token ~ '[0-9]{5}' or v_bound > 255 then
        refusal := format('%s in a pattern: at most 255 repetitions; use minLength, maxLength', v_token);
        return;
      end if;
      v_last := v_last * v_bound;
    elsif v_token ~ '^\(' then
      v_sizes := v_sizes[: cardinality(v_sizes) - 1]
        || (v_sizes[cardinality(v_sizes)] + v_last) || 0;
      v_last := 0;
    elsif v_token = ')' and cardinality(v_sizes) > 1 then
      v_last := v_sizes[cardinality(v_sizes)] + v_last;
      v_sizes := v_sizes[: cardinality(v_sizes) - 1];
    elsif v_token not in ('*', '+', '?') then
      v_sizes[cardinality(v_sizes)] := v_sizes[cardinality(v_sizes)] + v_last;
      v_last := 1;
    end if;
    if v_last + v_sizes[cardinality(v_sizes)] > c_longest then
      refusal := format('a pattern whose repetitions, written out, exceed %s characters', c_longest);
      return;
    end if;
    v_out := v_out || case
      when v_part is not null then v_part
      when v_token = '.' then '[^\n\r\u2028\u2029]'
      when v_token in ('{', '}') then '\' || v_token
      when v_token ~ '^\(\?P?<[A-Za-z_]' then '('
      else v_token
    end;
  end loop;
  if v_class is not null then
    refusal := 'a pattern with a [ that is not closed';
    return;
  end if;
  begin
    perform '' ~ v_out;
    expression := v_out;
  exception
    when invalid_regular_expression then
      refusal := format('a pattern that is not valid: %s', sqlerrm);
  end;
end;
$$;
