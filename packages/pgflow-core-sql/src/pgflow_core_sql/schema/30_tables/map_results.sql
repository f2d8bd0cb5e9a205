-- map_results: the results of the completed tasks of map steps that have not ended.
-- With the last one they are gathered into step_states.step_result. A table of its own and not a column of
-- map_items: an update would write the item again.
create table pgflow.map_results (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  result jsonb not null,
  primary key (run_id, step_slug, task_index)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
