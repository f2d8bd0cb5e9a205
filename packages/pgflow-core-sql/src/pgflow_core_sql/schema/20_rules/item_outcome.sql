-- item_outcome: what one item of a map of sub-flows came to.
create type pgflow.item_outcome as (
  run_id uuid,
  step_slug text,
  task_index integer,
  result jsonb,
  error jsonb
);
comment on column pgflow.item_outcome.error is 'null: its sub-run has completed, and the result fits';
