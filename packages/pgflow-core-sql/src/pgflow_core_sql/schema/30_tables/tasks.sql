-- tasks: the queue. A row waits here until it is claimed; then it is a row of `leases` instead.
-- Two tables, so that claiming never wades through what is already taken, expiry scans only what
-- is in flight, and no indexed column is ever updated.
create table pgflow.tasks (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null default 0,
  contract_id integer not null,
  attempts_count integer not null default 0,
  available_at timestamptz not null,
  primary key (run_id, step_slug, task_index)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);
create index tasks_to_claim on pgflow.tasks (contract_id, available_at);
comment on column pgflow.tasks.attempts_count is 'attempts already used';
comment on column pgflow.tasks.available_at is 'not to be claimed before; later than now while a retry waits';
