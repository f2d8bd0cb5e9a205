-- _explain: what about a value does not fit a linked schema.
-- Called by: _check_value, validate, _check_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when the value fits; else at most 20 errors {at, keyword, message}. A limit of time
--            or depth is one error with the keyword `limit`.
create or replace function pgflow._explain(
  p_program jsonb,
  p_value jsonb,
  p_milliseconds integer default null  -- when to give up; null for what the setting says
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- what loops over parts of JSON looks as if it were worth compiling, which takes a second per statement
set jit = off
as $$
declare
  c_most constant integer := 20;
  -- taken out of compressed or external storage once, and not with every look at it
  v_program constant jsonb := p_program || '[]';
  v_value constant jsonb := p_value #> '{}';
  v_milliseconds constant integer := coalesce(p_milliseconds, pgflow._validation_deadline_ms());
  v_errors jsonb;
begin
  v_errors := pgflow._walk(
    v_program, v_program -> 0, v_value, c_most,
    clock_timestamp() + v_milliseconds * interval '1 ms'
  );
  if jsonb_array_length(v_errors) > c_most then
    v_errors := jsonb_path_query_array(v_errors, '$[0 to 19]');
  end if;
  return v_errors;
exception
  when sqlstate 'PFLIM' then
    return pgflow._error_item('', 'limit', format('validating took longer than %s ms', v_milliseconds));
  when statement_too_complex then
    return pgflow._error_item('', 'limit', 'nests too deeply to be validated');
end;
$$;
