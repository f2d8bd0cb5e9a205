-- ready_step: a step of a run whose deps have all ended, and which needs more than a task.
create type pgflow.ready_step as (
  run_id uuid,
  flow_slug text,
  version integer,
  step_slug text,
  kind text,
  contract_id integer
);
