-- schema_documents: documents that schemas may refer to by URI; nothing is ever fetched.
create table pgflow.schema_documents (
  uri text primary key,
  document jsonb not null,
  program jsonb,
  constraint uri_has_no_fragment check (strpos(uri, '#') = 0)
);
comment on column pgflow.schema_documents.program is
  'the linked document, where schemas themselves are checked against it; see _check_schema';
