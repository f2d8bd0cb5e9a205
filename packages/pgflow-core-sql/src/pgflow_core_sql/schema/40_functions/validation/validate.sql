-- validate: what about a value does not fit a JSON Schema of draft 2020-12.
-- With the same code as results and payloads, but linked for this one call, which takes milliseconds.
-- Called by: users.
-- Locks:     none.
-- Raises:    PF211 for what is no such schema, or is refused beyond that.
-- Returns:   null when the value fits; else at most 20 errors {at, keyword, message}, `at` a JSON pointer. A
--            limit of time or depth is an error with the keyword `limit`.
create or replace function pgflow.validate(p_schema jsonb, p_value jsonb) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant jsonb := coalesce(p_schema, 'null');
begin
  perform pgflow._check_schema_size(v_schema, '', 'the schema');
  perform pgflow._check_schema(v_schema, '', 'the schema');
  return pgflow._explain(pgflow._link_schema(v_schema), coalesce(p_value, 'null'));
end;
$$;
