-- ready_map: a map step of a run that may start now.
create type pgflow.ready_map as (
  run_id uuid,
  step_slug text,
  contract_id integer
);
