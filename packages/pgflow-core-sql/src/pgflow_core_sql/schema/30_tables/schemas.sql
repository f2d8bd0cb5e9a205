-- schemas: every schema that a flow ever named, once, in the form in which values are checked.
create table pgflow.schemas (
  schema_id bytea primary key,
  schema jsonb not null,
  program jsonb not null,
  predicate jsonpath,
  residual_paths jsonpath [],
  residual_kinds text [],
  residual_mins integer [],
  residual_maxs integer [],
  compiler_version integer not null,
  constraint id_is_a_sha256 check (octet_length(schema_id) = 32)
);
-- Compressed, they would be decompressed with every value that is checked.
alter table pgflow.schemas alter column program set storage external;
alter table pgflow.schemas alter column predicate set storage external;
comment on column pgflow.schemas.schema_id is 'sha256 of schema::text in UTF-8';
comment on column pgflow.schemas.program is 'the linked schema, see _link_schema';
comment on column pgflow.schemas.predicate is
  'true means that the value fits, if the residual checks hold too; null when there is none';
comment on column pgflow.schemas.compiler_version is
  'the value of _compiler_version when this row was written; see _recompile_schemas';
