-- _is_slug: the slug rule, the same as pgflow_manifest.SLUG_PATTERN.
-- Called by: _check_slug, _check_flow_step, the CHECK constraints of flows and steps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   whether the text is a slug.
create or replace function pgflow._is_slug(p_text text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_text ~ '^[a-zA-Z_][a-zA-Z0-9_]{0,127}$' and p_text <> 'run';
$$;
