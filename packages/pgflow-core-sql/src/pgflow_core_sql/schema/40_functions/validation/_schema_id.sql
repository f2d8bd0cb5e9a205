-- _schema_id: the name under which a schema is stored; equal schemas have one.
-- Called by: _put_schema, _upgrade_problems, _put_flow, _put_contracts, _check_same_schemas,
--            _check_nulls.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   sha256 of the schema as jsonb writes it, in UTF-8.
create or replace function pgflow._schema_id(p_schema jsonb) returns bytea
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select sha256(convert_to(p_schema::text, 'UTF8'));
$$;
