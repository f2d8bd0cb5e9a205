-- _check_schema_size: refuse a schema that would take long merely to be looked at.
-- Called by: _put_schema, validate.
-- Locks:     none.
-- Raises:    PF211 for a schema beyond the limits.
-- Returns:   nothing.
create or replace function pgflow._check_schema_size(
  p_schema jsonb, p_at text, p_what text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_bytes constant integer := 262144;
  v_problem text;
begin
  -- the text is asked for last: it may be much longer than the value, 1e131000 is 8 bytes
  v_problem := case
    when pg_column_size(p_schema) > c_bytes
      then format('a schema of %s bytes; at most %s', pg_column_size(p_schema), c_bytes)
    -- a schema inside another is two levels down, three in anyOf and its kin
    when p_schema @? '$.**{193}' then 'more than 192 objects and arrays inside each other'
    when exists (
      select 1
      from jsonb_path_query(p_schema, '$.** ? (@.type() == "number")') as n (value)
      where length(n.value::text) > 1000
    ) then 'a number of more than 1000 digits'
    when octet_length(p_schema::text) > c_bytes
      then format('a schema of %s bytes; at most %s', octet_length(p_schema::text), c_bytes)
  end;
  if v_problem is not null then
    perform pgflow._raise_schema_invalid(p_what, pgflow._error_item(p_at, 'limit', v_problem));
  end if;
end;
$$;
