-- flow_versions: every contract a flow ever had; a run stays on the version it started with.
create table pgflow.flow_versions (
  flow_slug text not null references pgflow.flows,
  version integer not null,
  digest text not null,
  definition jsonb not null,
  payload_schema jsonb not null,
  payload_schema_id bytea not null references pgflow.schemas,
  max_payload_bytes integer not null,
  deadline_seconds double precision,
  deployed_at timestamptz not null default now(),
  primary key (flow_slug, version),
  constraint digest_once_per_flow unique (flow_slug, digest)
);
comment on column pgflow.flow_versions.payload_schema_id is
  'what start_flow holds each payload against';
comment on column pgflow.flow_versions.definition is
  'the flow as it was deployed last, for deployed_manifest; the engine does not read it';
comment on column pgflow.flow_versions.deadline_seconds is 'how long a run may take, from when it begins';
comment on column pgflow.flow_versions.max_payload_bytes is 'budget of a payload, in bytes as jsonb';
alter table pgflow.flows
  add constraint current_version_exists foreign key (flow_slug, current_version)
  references pgflow.flow_versions deferrable initially deferred;
