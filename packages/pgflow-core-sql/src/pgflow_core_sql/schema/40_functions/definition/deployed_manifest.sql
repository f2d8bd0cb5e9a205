-- deployed_manifest: the flows as they were deployed last, to compare with what is to come.
-- Called by: the CLI, for a dry run; users.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   a manifest with the current version of each flow, or of those that are named and exist.
create or replace function pgflow.deployed_manifest(p_flow_slugs text [] default null) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'format_version', 1,
    'flows', coalesce(jsonb_agg(v.definition order by v.flow_slug collate "C"), '[]')
  )
  from pgflow.flows as f
  join pgflow.flow_versions as v on v.flow_slug = f.flow_slug and v.version = f.current_version
  where p_flow_slugs is null or f.flow_slug = any (p_flow_slugs);
$$;
