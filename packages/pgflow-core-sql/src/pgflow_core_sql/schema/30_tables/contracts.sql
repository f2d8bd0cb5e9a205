-- contracts: what a handler promises for one step, by digest; versions of a flow share them.
-- A worker claims by contract, so the same handler serves every version that did not change its
-- step. The options are here and not in `steps`: deploying other options applies them in place.
create table pgflow.contracts (
  contract_id integer generated always as identity primary key,
  flow_slug text not null references pgflow.flows,
  step_slug text not null,
  digest text not null,
  max_attempts integer not null,
  base_delay_seconds double precision not null,
  max_delay_seconds double precision not null,
  backoff text not null,
  start_delay_seconds double precision not null,
  jitter double precision not null,
  timeout_seconds double precision,
  result_schema_id bytea not null references pgflow.schemas,
  max_result_bytes integer not null,
  over_source text,
  over_step_slug text,
  over_path text [],
  constraint backoff_is_known check (backoff in ('exponential', 'fixed')),
  constraint source_is_known check (over_source in ('payload', 'result')),
  constraint step_only_with_result check (
    (over_source is not distinct from 'result') = (over_step_slug is not null)
  ),
  constraint path_only_with_source check ((over_source is null) = (over_path is null)),
  constraint digest_once_per_step unique (flow_slug, step_slug, digest)
);
comment on column pgflow.contracts.result_schema_id is 'what complete_tasks holds the result of each task against';
comment on column pgflow.contracts.max_result_bytes is 'budget of the result of a task, in bytes as jsonb';
comment on column pgflow.contracts.start_delay_seconds is
  'how long its first attempt waits after the step has started';
comment on column pgflow.contracts.over_source is
  'where the list of a map step, or of a map of sub-flows, is; null: the step is no map';
