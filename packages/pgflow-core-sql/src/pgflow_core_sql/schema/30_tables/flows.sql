-- flows: what can be started, and which version new runs get.
create table pgflow.flows (
  flow_slug text primary key,
  description text not null default '',
  client_startable boolean not null default false,
  current_version integer not null,
  created_at timestamptz not null default now(),
  constraint flow_slug_is_a_slug check (pgflow._is_slug(flow_slug))
);
comment on column pgflow.flows.client_startable is
  'whether a caller who is only pgflow_client may start runs';
