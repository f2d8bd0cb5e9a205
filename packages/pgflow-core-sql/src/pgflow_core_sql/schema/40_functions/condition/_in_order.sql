-- _in_order: whether two numbers or two texts are in the order that an operator asks for.
-- Texts are ordered by code point, as in Python, whatever the collation of the database is.
-- Called by: _condition_holds.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false; false for two values of different kinds and for all other kinds.
create or replace function pgflow._in_order(p_op text, p_left jsonb, p_right jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_left) = 'number' and jsonb_typeof(p_right) = 'number' then case p_op
      when '<' then p_left < p_right
      when '<=' then p_left <= p_right
      when '>' then p_left > p_right
      else p_left >= p_right
    end
    when jsonb_typeof(p_left) = 'string' and jsonb_typeof(p_right) = 'string' then case p_op
      when '<' then (p_left #>> '{}') collate "C" < (p_right #>> '{}') collate "C"
      when '<=' then (p_left #>> '{}') collate "C" <= (p_right #>> '{}') collate "C"
      when '>' then (p_left #>> '{}') collate "C" > (p_right #>> '{}') collate "C"
      else (p_left #>> '{}') collate "C" >= (p_right #>> '{}') collate "C"
    end
    else false
  end;
$$;
