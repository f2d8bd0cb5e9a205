-- upgrade_target: a run and the version that it is to be moved to.
create type pgflow.upgrade_target as (
  run_id uuid,
  flow_slug text,
  from_version integer,
  to_version integer
);
