-- ended_attempt: what _end_attempts must know of an attempt after its lease is gone.
create type pgflow.ended_attempt as (
  run_id uuid,
  step_slug text,
  task_index integer,
  lease_id uuid,
  contract_id integer,
  attempt integer,
  error jsonb,
  retry_at timestamptz
);
comment on column pgflow.ended_attempt.retry_at is 'null: no further attempt, the step fails';
