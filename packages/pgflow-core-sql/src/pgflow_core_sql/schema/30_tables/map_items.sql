-- map_items: the items of map steps that have not ended, each under the index of its task.
-- Written once, when the step starts, so that no claim unpacks the list.
create table pgflow.map_items (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  item jsonb not null,
  primary key (run_id, step_slug, task_index)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
