-- sub_runs: the runs that steps of other runs have started.
create table pgflow.sub_runs (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null default 0,
  sub_run_id uuid not null,
  is_open boolean not null default true,
  primary key (run_id, step_slug, task_index)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Of a map of 100,000 items at most some are open: whoever counts or ends them passes no others.
create index sub_runs_open on pgflow.sub_runs (run_id, step_slug, task_index) where is_open;
comment on column pgflow.sub_runs.run_id is 'the parent: runs.parent_run_id of sub_run_id';
comment on column pgflow.sub_runs.task_index is 'of a map, the item that it was started for; else 0';
comment on column pgflow.sub_runs.is_open is 'the step waits for it';
