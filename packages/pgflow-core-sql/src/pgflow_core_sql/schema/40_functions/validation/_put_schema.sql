-- _put_schema: store a schema once, in the form in which values are checked.
-- Called by: _put_schemas.
-- Locks:     the row of a schema that is new, until the transaction ends: who stores several must keep others
--            from doing the same in another order, as deploy does.
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
  v_id := pgflow._schema_id(p_schema);
  if exists (
    select 1
    from pgflow.schemas as s
    where s.schema_id = v_id and s.compiler_version = pgflow._compiler_version()
  ) then
    return v_id;
  end if;
  perform pgflow._check_schema(p_schema, p_at, p_what);
  insert into pgflow.schemas as s (
    schema_id, schema, program, predicate, residual_paths, residual_kinds, residual_mins, residual_maxs,
    residual_free_bytes, compiler_version
  )
  select v_id, p_schema, c.*, pgflow._compiler_version()
  from pgflow._compile_schema(p_schema, p_at, p_what) as c
  on conflict (schema_id) do update
    set program = excluded.program,
      predicate = excluded.predicate,
      residual_paths = excluded.residual_paths,
      residual_kinds = excluded.residual_kinds,
      residual_mins = excluded.residual_mins,
      residual_maxs = excluded.residual_maxs,
      residual_free_bytes = excluded.residual_free_bytes,
      compiler_version = excluded.compiler_version
    where s.compiler_version < excluded.compiler_version;
  return v_id;
end;
$$;
