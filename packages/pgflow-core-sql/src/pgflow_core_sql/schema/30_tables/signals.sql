-- signals: what was sent to runs from outside, kept also when the step does not wait for it yet.
create table pgflow.signals (
  run_id uuid not null,
  step_slug text not null,
  payload jsonb not null,
  sent_at timestamptz not null,
  sender text not null,
  primary key (run_id, step_slug)
);
comment on column pgflow.signals.sender is 'as runs.owner: who called send_signal';
