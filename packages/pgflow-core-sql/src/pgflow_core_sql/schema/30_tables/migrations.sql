-- migrations: which migrations this database has; each one records itself.
create table pgflow.migrations (
  number integer primary key,
  name text not null,
  phase text not null,
  breaking boolean not null,
  applied_at timestamptz not null default now(),
  constraint phase_is_known check (phase in ('before-deploy', 'after-deploy'))
);
comment on column pgflow.migrations.breaking is
  'a worker or client that does not know this migration must refuse to work';
