-- deploy: put the flows of a manifest into the database, all of them or none.
-- A flow whose digest is new gets a new version; runs that exist stay on theirs. With a known
-- digest only options and descriptions change, in place. Flows that the manifest does not name are
-- left alone.
-- Called by: `pgflow deploy`, workers started with --deploy, any language.
-- Locks:     an advisory lock, so that two deployments do not mix; then the flows.
-- Raises:    PF201 slug; PF203 option; PF204 cycle; PF205 unknown dep; PF206 not a manifest;
--            PF207 format version; PF211 a schema is refused; PF304 same digest, other
--            graph or other schemas.
-- Returns:   per flow its version and what happened: 'created', 'new_version', 'restored' (an older
--            version is current again), 'options_changed', 'unchanged'.
create or replace function pgflow.deploy(p_manifest jsonb)
returns table (flow_slug text, version integer, outcome text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow jsonb;
  v_index integer;
begin
  perform pgflow._check_manifest(p_manifest);
  perform pg_advisory_xact_lock(hashtextextended('pgflow.deploy', 0));
  for v_flow, v_index in
    select f.value, f.ordinality - 1
    from jsonb_array_elements(p_manifest -> 'flows') with ordinality as f
    order by f.value ->> 'slug'
  loop
    perform pgflow._check_flow(v_flow, format('/flows/%s', v_index));
    flow_slug := v_flow ->> 'slug';
    perform pgflow._put_schemas(v_flow, format('/flows/%s', v_index));
    perform pgflow._check_nulls(v_flow, format('/flows/%s', v_index));
    select p.version, p.outcome into version, outcome from pgflow._put_flow(v_flow) as p;
    return next;
  end loop;
end;
$$;
