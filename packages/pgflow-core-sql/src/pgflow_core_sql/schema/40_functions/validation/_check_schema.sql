-- _check_schema: refuse what is no JSON Schema of draft 2020-12, before anything relies on it; see
-- _check_schema_size.
-- Called by: _put_schema, validate.
-- Locks:     none.
-- Raises:    PF211 for a schema of another draft, or that does not fit the metaschema.
-- Returns:   nothing.
create or replace function pgflow._check_schema(
  p_schema jsonb, p_at text, p_what text
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- how much time values get is no matter of schemas, whose size has its own limit
  c_milliseconds constant integer := 10000;
  v_errors jsonb;
begin
  if jsonb_typeof(p_schema -> '$schema') = 'string' then
    perform pgflow._ignored_keywords(p_schema, p_at, p_what);
  end if;
  select pgflow._explain(d.program, p_schema, c_milliseconds) into strict v_errors
  from pgflow.schema_documents as d
  where d.uri = 'https://json-schema.org/draft/2020-12/schema';
  if v_errors is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      (
        select jsonb_agg(e.value || jsonb_build_object('at', p_at || (e.value ->> 'at')) order by e.ordinality)
        from jsonb_array_elements(v_errors) with ordinality as e
      )
    );
  end if;
end;
$$;
