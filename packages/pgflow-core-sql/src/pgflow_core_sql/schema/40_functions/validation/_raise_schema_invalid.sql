-- _raise_schema_invalid: refuse a schema, with all that is wrong with it.
-- Called by: every function that refuses schemas.
-- Locks:     none.
-- Raises:    PF211 always.
-- Returns:   never.
create or replace function pgflow._raise_schema_invalid(
  p_what text,  -- such as: the result schema of step "merge"
  p_errors jsonb  -- array of {at, keyword, message}
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF211',
    message = format(
      '%s is refused: %s%s%s',
      p_what,
      case when p_errors #>> '{0,at}' <> '' then 'at ' || (p_errors #>> '{0,at}') || ': ' end,
      p_errors #>> '{0,message}',
      case
        when jsonb_array_length(p_errors) > 1
          then format(' (and %s more)', jsonb_array_length(p_errors) - 1)
      end
    ),
    detail = jsonb_build_object('errors', p_errors)::text,
    hint = 'schemas are JSON Schema draft 2020-12; docs/errors.md says what is refused beyond that';
end;
$$;
