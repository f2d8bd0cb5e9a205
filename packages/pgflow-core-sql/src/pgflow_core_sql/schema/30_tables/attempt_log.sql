-- attempt_log: the ended attempts that did not complete a step; rows are only ever added.
-- The one that completed a step is told by the row of the step, which is written then anyway: a row
-- here for each cost 306 of 1,390 bytes of WAL per step. The view `attempts` shows both.
create table pgflow.attempt_log (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  lease_id uuid not null,
  attempt integer not null,
  worker_id uuid not null,
  outcome text not null,
  error jsonb,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  primary key (run_id, step_slug, task_index, lease_id),
  constraint outcome_is_known check (
    outcome in ('completed', 'failed', 'expired', 'released', 'cancelled')
  )
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
comment on column pgflow.attempt_log.attempt is
  'from 1; an attempt that was released does not count, so its number comes again';
