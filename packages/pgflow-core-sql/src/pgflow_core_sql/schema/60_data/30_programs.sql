-- The programs of what stands in the tables from the beginning: the metaschema.
select pgflow._recompile_schemas();
