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
  residual_free_bytes integer,
  compiler_version integer not null,
  constraint id_is_a_sha256 check (octet_length(schema_id) = 32)
) with (toast_tuple_target = 8160);
-- Out of line or compressed, they would be fetched or decompressed with every value that is checked: that took
-- longer than to check an object of ten fields. What is seldom read makes room for the predicate first.
alter table pgflow.schemas alter column program set storage external;
alter table pgflow.schemas alter column predicate set storage main;
comment on column pgflow.schemas.schema_id is 'sha256 of schema::text in UTF-8';
comment on column pgflow.schemas.program is 'the linked schema, see _link_schema';
comment on column pgflow.schemas.predicate is
  'true means that the value fits, if the residual checks hold too; null when there is none';
comment on column pgflow.schemas.residual_free_bytes is
  'of a value of so many bytes or fewer, the predicate alone says that it fits; null when there is none';
comment on column pgflow.schemas.compiler_version is
  'the value of _compiler_version when this row was written; see _recompile_schemas';
