-- step_states: the steps of a run that have begun. A step that still waits for its deps has no row.
-- Written twice at most: when the step starts and when it ends, the result with the end.
create table pgflow.step_states (
  run_id uuid not null,
  step_slug text not null,
  started_at timestamptz not null,
  status text not null default 'started',
  ended_at timestamptz,
  claimed_at timestamptz,
  attempt integer,
  worker_id uuid,
  lease_id uuid,
  step_result jsonb,
  error jsonb,
  skip_reason text,
  cascades boolean,
  primary key (run_id, step_slug),
  constraint status_is_known check (status in ('started', 'completed', 'failed', 'cancelled', 'skipped')),
  constraint result_only_when_completed check ((status = 'completed') = (step_result is not null)),
  constraint ended_when_terminal check ((status = 'started') = (ended_at is null)),
  constraint reason_when_skipped check (
    (status = 'skipped') = (skip_reason is not null and cascades is not null)
  ),
  constraint skip_reason_is_known check (
    skip_reason in ('condition_unmet', 'dependency_skipped', 'handler_failed')
  )
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
comment on column pgflow.step_states.lease_id is
  'of the attempt that completed the step, as are attempt, worker_id and claimed_at';
comment on column pgflow.step_states.cascades is
  'of a skipped step: what waits for it is skipped too, when its other deps have ended';
