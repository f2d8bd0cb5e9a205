-- maps: the map steps of a run that have begun: how many tasks or sub-runs each has, and what these share.
-- What the tasks share is gathered once, when the step starts: a claim that took it out of payload and
-- results for each task would read the whole payload as often as there are items in it.
create table pgflow.maps (
  run_id uuid not null,
  step_slug text not null,
  tasks_count integer not null,
  completed_count integer not null default 0,
  skipped_count integer not null default 0,
  open_index integer,
  shared_args jsonb,
  begun_count integer,
  primary key (run_id, step_slug),
  constraint tasks_or_sub_runs check ((open_index is null) <> (begun_count is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
comment on column pgflow.maps.tasks_count is 'one for each item of the list';
comment on column pgflow.maps.completed_count is
  'written when the step ends; until then those have completed that neither wait, are at work nor were skipped';
comment on column pgflow.maps.skipped_count is
  'tasks that failed for good in a step that goes on without them: null in their place';
comment on column pgflow.maps.open_index is
  'every task with a higher index has completed or was skipped; -1 when all have; null in a map of sub-flows';
comment on column pgflow.maps.begun_count is
  'of a map of sub-flows: how many items have a sub-run, or were refused one; null in other maps';
comment on column pgflow.maps.shared_args is
  'arguments that are the same for every item, by parameter; null once the step has ended';
