-- step_inputs: where each argument of a handler comes from, so that claim_tasks can fill it in.
create table pgflow.step_inputs (
  contract_id integer not null references pgflow.contracts,
  parameter text not null,
  source text not null,
  from_step_slug text,
  path text [] not null default '{}',
  primary key (contract_id, parameter),
  constraint source_is_known check (source in ('payload', 'result', 'each', 'error')),
  constraint step_only_with_result check ((source = 'result') = (from_step_slug is not null))
);
comment on column pgflow.step_inputs.path is
  'keys and indexes down to the part that is passed; of an item, when the source is each';
comment on column pgflow.step_inputs.source is
  'error: why the run has failed, for its failure handler';
