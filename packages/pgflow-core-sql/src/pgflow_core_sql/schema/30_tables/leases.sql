-- leases: the tasks that a worker holds, each with the time-limited right to it.
create table pgflow.leases (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  contract_id integer not null,
  attempt integer not null,
  lease_id uuid not null,
  worker_id uuid not null,
  claimed_at timestamptz not null,
  leased_until timestamptz not null,
  primary key (run_id, step_slug, task_index)
) with (
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);
comment on column pgflow.leases.lease_id is
  'the fence: new with every claim, named by every report; a report with another one is stale';
