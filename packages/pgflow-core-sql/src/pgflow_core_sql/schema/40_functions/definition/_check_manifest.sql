-- _check_manifest: refuse what is not a manifest of this format.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF206 not a manifest; PF207 format version.
-- Returns:   nothing.
create or replace function pgflow._check_manifest(p_manifest jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_twice text;
  v_index bigint;
begin
  if jsonb_typeof(p_manifest) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', '', 'the manifest must be a JSON object');
  end if;
  if jsonb_typeof(p_manifest -> 'format_version') is distinct from 'number' then
    perform pgflow._raise_manifest_invalid(
      'PF206', '/format_version', 'must be a number that says the version of the format'
    );
  end if;
  if p_manifest -> 'format_version' <> '1' then
    raise exception using
      errcode = 'PF207',
      message = format(
        'the manifest has format version %s; this database reads version 1',
        p_manifest -> 'format_version'
      ),
      detail = jsonb_build_object('found', p_manifest -> 'format_version', 'known', 1)::text,
      hint = 'run `pgflow migrate` with a newer pgflow, or compile with the one of this database';
  end if;
  if jsonb_typeof(p_manifest -> 'flows') is distinct from 'array' then
    perform pgflow._raise_manifest_invalid('PF206', '/flows', 'must be an array of flows');
  end if;
  select f.value ->> 'slug', max(f.ordinality) - 1 into v_twice, v_index
  from jsonb_array_elements(p_manifest -> 'flows') with ordinality as f
  group by f.value ->> 'slug'
  having f.value ->> 'slug' is not null and count(*) > 1
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format('/flows/%s/slug', v_index),
      format('more than one flow has the slug %L', v_twice)
    );
  end if;
end;
$$;
