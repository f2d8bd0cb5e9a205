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
  primary key (flow_slug, version, step_slug),
  foreign key (flow_slug, version) references pgflow.flow_versions,
  constraint step_slug_is_a_slug check (pgflow._is_slug(step_slug)),
  constraint kind_is_known check (kind in ('single', 'map'))
);
comment on column pgflow.steps.step_index is 'position in topological order, from 0';
comment on column pgflow.steps.result_schema is 'JSON Schema of step_states.step_result';
comment on column pgflow.steps.is_root is 'it waits for no step: it starts with the run';
comment on column pgflow.steps.is_leaf is 'no step waits for it: its result is in the run output';
