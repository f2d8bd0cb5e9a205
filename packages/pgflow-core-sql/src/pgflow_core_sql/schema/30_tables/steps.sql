-- steps: the nodes of each flow version.
create table pgflow.steps (
  flow_slug text not null,
  version integer not null,
  step_slug text not null,
  step_index integer not null,
  kind text not null,
  description text not null default '',
  result_schema jsonb not null,
  contract_id integer not null references pgflow.contracts,
  is_root boolean not null,
  is_leaf boolean not null,
  is_plain boolean not null default false,
  condition jsonb,
  when_unmet text not null default 'skip',
  on_failure text not null default 'fail',
  sleep jsonb,
  sub_flow_slug text,
  sub_step_slug text,
  primary key (flow_slug, version, step_slug),
  foreign key (flow_slug, version) references pgflow.flow_versions,
  constraint step_slug_is_a_slug check (pgflow._is_slug(step_slug)),
  constraint kind_is_known check (kind in ('single', 'map', 'signal', 'sleep', 'flow', 'failure')),
  constraint when_unmet_is_known check (when_unmet in ('skip', 'skip_cascade', 'fail')),
  constraint on_failure_is_known check (on_failure in ('fail', 'skip', 'skip_cascade'))
);
comment on column pgflow.steps.step_index is 'position in topological order, from 0';
comment on column pgflow.steps.result_schema is 'JSON Schema of step_states.step_result';
comment on column pgflow.steps.is_root is 'it waits for no step: it starts with the run';
comment on column pgflow.steps.is_leaf is 'no step waits for it: its result is in the run output';
comment on column pgflow.steps.is_plain is
  'when all its deps have ended it gets a task, at once, and nothing else has to be asked';
comment on column pgflow.steps.condition is 'it starts only if this holds; as the manifest has it';
comment on column pgflow.steps.when_unmet is 'what becomes of it when its condition does not hold';
comment on column pgflow.steps.sub_flow_slug is 'the flow that the step starts a run of';
comment on column pgflow.steps.sub_step_slug is
  'the step of the sub-flow whose result the step has; null for the whole run output';
comment on column pgflow.steps.sleep is
  'when a sleep ends: its seconds, or where its end stands; as the manifest has it';
comment on column pgflow.steps.on_failure is
  'what follows when it fails: the run fails too, or goes on without it';
