-- _recompile_schemas: bring what older compilers wrote up to date.
-- Called by: migrations, the first one and those that change the compiler.
-- Locks:     the rows of schemas that are not up to date.
-- Raises:    PF211 for a stored schema that the compiler of this database refuses.
-- Returns:   nothing.
create or replace function pgflow._recompile_schemas() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- the one document that schemas are checked against, see _check_schema
  update pgflow.schema_documents as d
  set program = pgflow._link_schema(d.document, '', d.uri)
  where d.uri = 'https://json-schema.org/draft/2020-12/schema';

  update pgflow.schemas as s
  set program = c.program,
    predicate = c.predicate,
    residual_paths = c.residual_paths,
    residual_kinds = c.residual_kinds,
    residual_mins = c.residual_mins,
    residual_maxs = c.residual_maxs,
    residual_free_bytes = c.residual_free_bytes,
    compiler_version = pgflow._compiler_version()
  from pgflow.schemas as old
  cross join lateral pgflow._compile_schema(old.schema, '', 'the schema ' || encode(old.schema_id, 'hex')) as c
  where old.schema_id = s.schema_id
    and old.compiler_version < pgflow._compiler_version();
end;
$$;
