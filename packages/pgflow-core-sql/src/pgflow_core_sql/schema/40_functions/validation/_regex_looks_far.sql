-- _regex_looks_far: whether a pattern looks ahead or behind without bound, and not only from the beginning.
-- Postgres never backtracks, but `(?=.*x)` reads the rest of the text at each of its characters: 4 s for 40 kB,
-- and 600 times as much for 1 MB. Right after `^` it is read once.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer.
create or replace function pgflow._regex_looks_far(p_pattern text) returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  v_token text;
  v_depth integer := 0;
  v_look integer;  -- how deep the look around begins that we are in
  v_begins boolean := true;  -- nothing stands before, in this alternative of the whole pattern
  v_anchored boolean := false;  -- only ^, and looks around, stand before
begin
  if p_pattern !~ '\(\?<?[=!]' then
    return false;
  end if;
  for v_token in
    select t.m[1]
    from regexp_matches(
      -- neither escapes nor sets matter
      regexp_replace(p_pattern, '\\.|\[(?:\\.|[^\]\\])*\]', 'x', 'g'),
      '(\(\?<?[=!]|\{[0-9]+,\}|.)', 'g'
    ) as t (m)
  loop
    if v_token = ')' then
      v_look := case when v_look < v_depth then v_look end;
      v_depth := v_depth - 1;
      continue;
    elsif v_token ~ '^\(' then
      v_depth := v_depth + 1;
    end if;
    if v_look is not null then
      if not v_anchored and v_token ~ '^([*+]|\{.)' then
        return true;
      end if;
    elsif v_token ~ '^\(\?<?[=!]' then
      v_look := v_depth;
    else
      v_anchored := v_token = '^' and v_begins;
      v_begins := v_token = '|' and v_depth = 0;
    end if;
  end loop;
  return false;
end;
$$;
