-- _put_schema: store a schema once, in the form in which values are checked.
-- Called by: whatever deploys a schema.
-- Locks:     the row of a schema that is new, until the transaction ends.
-- Raises:    PF211 for what is no JSON Schema of draft 2020-12, or is refused beyond that.
-- Returns:   schema_id.
create or replace function pgflow._put_schema(
  p_schema jsonb,
  p_at text,  -- JSON pointer to the schema, for messages
  p_what text  -- such as: the result schema of step 'merge' of flow 'voice_memo'
) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bytea;
begin
  perform pgflow._check_schema_size(p_schema, p_at, p_what);
  v_id := sha256(convert_to(p_schema::text, 'UTF8'));
  if exists (
    select 1
    from pgflow.schemas as s
    where s.schema_id = v_id and s.compiler_version = pgflow._compiler_version()
  ) then
    return v_id;
  end if;
  perform pgflow._check_schema(p_schema, p_at, p_what);
  insert into pgflow.schemas as s (schema_id, schema, program, compiler_version)
  values (v_id, p_schema, pgflow._link_schema(p_schema, p_at, p_what), pgflow._compiler_version())
  on conflict (schema_id) do update
    set program = excluded.program, compiler_version = excluded.compiler_version
    where s.compiler_version < excluded.compiler_version;
  return v_id;
end;
$$;
