-- timers: what happens to a run at a time, unless it has ended by then. The sweep fires what is due.
-- Not in `tasks`, because no worker has anything to do for it.
create table pgflow.timers (
  run_id uuid not null,
  step_slug text not null,
  kind text not null,
  due_at timestamptz not null,
  task_index integer not null default 0,
  primary key (run_id, step_slug, kind, task_index),
  constraint kind_is_known check (kind in ('sleep', 'signal', 'sub_flow', 'deadline', 'start', 'parent')),
  constraint step_where_it_is_about_one check ((step_slug = '') = (kind in ('deadline', 'start', 'parent')))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index timers_by_time on pgflow.timers (due_at);
comment on column pgflow.timers.kind is
  'sleep: the step completes; signal: it is waited for no longer; sub_flow: the run it waits for has ended; '
  'deadline: the run fails; start: the run begins; parent: the run that has started it has ended';
comment on column pgflow.timers.step_slug is 'empty when it is about the run';
comment on column pgflow.timers.task_index is
  'of a map of sub-flows, the item whose sub-run has ended, so that no two of them share a row: one that is being '
  'deleted would hide the other; -1: further ones are to begin';
