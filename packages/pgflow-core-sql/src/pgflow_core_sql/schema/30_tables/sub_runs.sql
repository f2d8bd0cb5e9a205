-- sub_runs: the runs that steps of other runs have started.
create table pgflow.sub_runs (
  run_id uuid not null,
  step_slug text not null,
  sub_run_id uuid not null,
  primary key (run_id, step_slug)
);
comment on column pgflow.sub_runs.run_id is 'the parent: runs.parent_run_id of sub_run_id';
