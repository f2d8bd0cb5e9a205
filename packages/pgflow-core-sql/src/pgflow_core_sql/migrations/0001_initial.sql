-- pgflow migration 0001: initial
-- phase: before-deploy
-- breaking: no
-- Written from schema/ by `nox -s new_migration`; read the sources there.

set check_function_bodies = off;

-- pgflow: typed DAG workflows inside Postgres.
--
-- A flow is deployed as a version: its steps, its deps, its schemas (`deploy`). Starting a run
-- writes one row in `runs` and queues a task for every step that waits for nothing (`start_flow`).
-- Workers take waiting tasks (`claim_tasks`: a row leaves `tasks` and a lease appears in `leases`),
-- run the handler outside the database, and report (`complete_tasks`, `fail_tasks`). Completing a
-- step writes its result once, in `step_states`, and queues every dependent whose deps have now all
-- completed. When the last leaf has completed, the run has. A lease that nobody extends expires
-- (`sweep`), and the task is queued again until its attempts are used up.
--
-- Nothing is counted, so nothing can be miscounted: readiness and completion are read from the rows
-- themselves, under the lock of the run. Lock order everywhere: run, step state, task or lease.
-- Public functions are security definer; functions whose name begins with `_` are private.
create schema pgflow;
revoke all on schema pgflow from public;
comment on schema pgflow is 'pgflow: typed DAG workflows inside Postgres';

-- _is_slug: the slug rule, the same as pgflow_manifest.SLUG_PATTERN.
-- Called by: _check_slug, _check_flow_step, the CHECK constraints of flows and steps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   whether the text is a slug.
create or replace function pgflow._is_slug(p_text text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_text ~ '^[a-zA-Z_][a-zA-Z0-9_]{0,127}$' and p_text <> 'run';
$$;

-- ended_attempt: what _end_attempts must know of an attempt after its lease is gone.
create type pgflow.ended_attempt as (
  run_id uuid,
  step_slug text,
  task_index integer,
  lease_id uuid,
  contract_id integer,
  attempt integer,
  error jsonb,
  retry_at timestamptz
);
comment on column pgflow.ended_attempt.retry_at is 'null: no further attempt, the step fails';

-- item_outcome: what one item of a map of sub-flows came to.
create type pgflow.item_outcome as (
  run_id uuid,
  step_slug text,
  task_index integer,
  result jsonb,
  error jsonb
);
comment on column pgflow.item_outcome.error is 'null: its sub-run has completed, and the result fits';

-- ready_step: a step of a run whose deps have all ended, and which needs more than a task.
create type pgflow.ready_step as (
  run_id uuid,
  flow_slug text,
  version integer,
  step_slug text,
  kind text,
  contract_id integer
);

-- upgrade_target: a run and the version that it is to be moved to.
create type pgflow.upgrade_target as (
  run_id uuid,
  flow_slug text,
  from_version integer,
  to_version integer
);

-- flows: what can be started, and which version new runs get.
create table pgflow.flows (
  flow_slug text primary key,
  description text not null default '',
  client_startable boolean not null default false,
  current_version integer not null,
  created_at timestamptz not null default now(),
  constraint flow_slug_is_a_slug check (pgflow._is_slug(flow_slug))
);
comment on column pgflow.flows.client_startable is
  'whether a caller who is only pgflow_client may start runs';

-- schemas: every schema that a flow ever named, once, in the form in which values are checked.
create table pgflow.schemas (
  schema_id bytea primary key,
  schema jsonb not null,
  program jsonb not null,
  predicate jsonpath,
  residual_paths jsonpath [],
  residual_kinds text [],
  residual_mins integer [],
  residual_maxs integer [],
  residual_free_bytes integer,
  compiler_version integer not null,
  constraint id_is_a_sha256 check (octet_length(schema_id) = 32)
) with (toast_tuple_target = 8160);
-- Out of line or compressed, they would be fetched or decompressed with every value that is checked: that took
-- longer than to check an object of ten fields. What is seldom read makes room for the predicate first.
alter table pgflow.schemas alter column program set storage external;
alter table pgflow.schemas alter column predicate set storage main;
comment on column pgflow.schemas.schema_id is 'sha256 of schema::text in UTF-8';
comment on column pgflow.schemas.program is 'the linked schema, see _link_schema';
comment on column pgflow.schemas.predicate is
  'true means that the value fits, if the residual checks hold too; null when there is none';
comment on column pgflow.schemas.residual_free_bytes is
  'of a value of so many bytes or fewer, the predicate alone says that it fits; null when there is none';
comment on column pgflow.schemas.compiler_version is
  'the value of _compiler_version when this row was written; see _recompile_schemas';

-- flow_versions: every contract a flow ever had; a run stays on the version it started with.
create table pgflow.flow_versions (
  flow_slug text not null references pgflow.flows,
  version integer not null,
  digest text not null,
  definition jsonb not null,
  payload_schema jsonb not null,
  payload_schema_id bytea not null references pgflow.schemas,
  max_payload_bytes integer not null,
  deadline_seconds double precision,
  deployed_at timestamptz not null default now(),
  primary key (flow_slug, version),
  constraint digest_once_per_flow unique (flow_slug, digest)
);
comment on column pgflow.flow_versions.payload_schema_id is
  'what start_flow holds each payload against';
comment on column pgflow.flow_versions.definition is
  'the flow as it was deployed last, for deployed_manifest; the engine does not read it';
comment on column pgflow.flow_versions.deadline_seconds is 'how long a run may take, from when it begins';
comment on column pgflow.flow_versions.max_payload_bytes is 'budget of a payload, in bytes as jsonb';
alter table pgflow.flows
  add constraint current_version_exists foreign key (flow_slug, current_version)
  references pgflow.flow_versions deferrable initially deferred;

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

-- deps: "to_step_slug waits for from_step_slug".
create table pgflow.deps (
  flow_slug text not null,
  version integer not null,
  from_step_slug text not null,
  to_step_slug text not null,
  primary key (flow_slug, version, from_step_slug, to_step_slug),
  foreign key (flow_slug, version, from_step_slug) references pgflow.steps,
  foreign key (flow_slug, version, to_step_slug) references pgflow.steps,
  constraint step_does_not_wait_for_itself check (from_step_slug <> to_step_slug)
);
create index deps_by_waiting_step on pgflow.deps (
  flow_slug, version, to_step_slug, from_step_slug
);
comment on column pgflow.deps.from_step_slug is 'the dep: completes first';
comment on column pgflow.deps.to_step_slug is 'the step that waits';

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

-- attempt_log: the ended attempts that did not complete a step; rows are only ever added.
-- The one that completed a step is told by the row of the step, which is written then anyway: a row
-- here for each cost 306 of 1,390 bytes of WAL per step. The view `attempts` shows both.
create table pgflow.attempt_log (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  lease_id uuid not null,
  attempt integer not null,
  worker_id uuid not null,
  outcome text not null,
  error jsonb,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  primary key (run_id, step_slug, task_index, lease_id),
  constraint outcome_is_known check (
    outcome in ('completed', 'failed', 'expired', 'released', 'cancelled')
  )
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
comment on column pgflow.attempt_log.attempt is
  'from 1; an attempt that was released does not count, so its number comes again';

-- gateways: login roles whose `request.jwt.claims` are believed. Any session can set that
-- variable, so from any other login role it would let a client pose as another owner.
create table pgflow.gateways (
  role_name name primary key
);
insert into pgflow.gateways (role_name) values ('authenticator'), ('supabase_admin');

-- leases: the tasks that a worker holds, each with the time-limited right to it.
create table pgflow.leases (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  contract_id integer not null,
  attempt integer not null,
  lease_id uuid not null,
  worker_id uuid not null,
  claimed_at timestamptz not null,
  leased_until timestamptz not null,
  primary key (run_id, step_slug, task_index)
) with (
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);
comment on column pgflow.leases.lease_id is
  'the fence: new with every claim, named by every report; a report with another one is stale';

-- map_items: the items of map steps that have not ended, each under the index of its task.
-- Written once, when the step starts, so that no claim unpacks the list.
create table pgflow.map_items (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null,
  item jsonb not null,
  primary key (run_id, step_slug, task_index)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

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

-- migrations: which migrations this database has; each one records itself.
create table pgflow.migrations (
  number integer primary key,
  name text not null,
  phase text not null,
  breaking boolean not null,
  applied_at timestamptz not null default now(),
  constraint phase_is_known check (phase in ('before-deploy', 'after-deploy'))
);
comment on column pgflow.migrations.breaking is
  'a worker or client that does not know this migration must refuse to work';

-- runs: one row per execution of a flow; updated once, when it ends.
-- What is updated stands last: the log of an update holds all from the first byte that changes to the
-- last one, and would hold the payload once more. Half of each page is left for the updates, so that
-- no index entry is written for them: 25 % of the WAL of a run of one step.
create table pgflow.runs (
  run_id uuid primary key,
  flow_slug text not null,
  version integer not null,
  owner text not null,
  payload jsonb not null,
  parent_run_id uuid,
  parent_step_slug text,
  parent_task_index integer,
  depth integer,
  started_at timestamptz not null,
  status text not null default 'started',
  error jsonb,
  ended_at timestamptz,
  constraint status_is_known check (status in ('started', 'completed', 'failed', 'cancelled')),
  constraint ended_when_terminal check ((status = 'started') = (ended_at is null))
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- For list_runs of one owner among many: 0.4 ms instead of 30 ms at 300,000 runs, and a time that
-- does not grow with the runs of others. It costs 7 % of the rate of start_flows in bulk, and nothing
-- of the rate of steps, because neither column is ever updated.
create index runs_by_owner on pgflow.runs (owner, run_id);
comment on column pgflow.runs.owner is
  'who started it: the JWT subject behind a trusted gateway, else the database role';
comment on column pgflow.runs.parent_run_id is 'of a sub-run, the run whose step has started it; null otherwise';
comment on column pgflow.runs.parent_task_index is
  'of a sub-run, the item of the map that has started it; 0 where the step is no map; null otherwise';
comment on column pgflow.runs.depth is 'of a sub-run, how many runs it is inside of; null otherwise';
comment on column pgflow.runs.error is 'why it failed or was cancelled; null otherwise';

-- schema_documents: documents that schemas may refer to by URI; nothing is ever fetched.
create table pgflow.schema_documents (
  uri text primary key,
  document jsonb not null,
  program jsonb,
  constraint uri_has_no_fragment check (strpos(uri, '#') = 0)
);
comment on column pgflow.schema_documents.program is
  'the linked document, where schemas themselves are checked against it; see _check_schema';

-- signals: what was sent to runs from outside, kept also when the step does not wait for it yet.
create table pgflow.signals (
  run_id uuid not null,
  step_slug text not null,
  payload jsonb not null,
  sent_at timestamptz not null,
  sender text not null,
  primary key (run_id, step_slug)
);
comment on column pgflow.signals.sender is 'as runs.owner: who called send_signal';

-- step_states: the steps of a run that have begun. A step that still waits for its deps has no row.
-- Written twice at most: when the step starts and when it ends, the result with the end.
create table pgflow.step_states (
  run_id uuid not null,
  step_slug text not null,
  started_at timestamptz not null,
  status text not null default 'started',
  ended_at timestamptz,
  claimed_at timestamptz,
  attempt integer,
  worker_id uuid,
  lease_id uuid,
  step_result jsonb,
  error jsonb,
  skip_reason text,
  cascades boolean,
  primary key (run_id, step_slug),
  constraint status_is_known check (status in ('started', 'completed', 'failed', 'cancelled', 'skipped')),
  constraint result_only_when_completed check ((status = 'completed') = (step_result is not null)),
  constraint ended_when_terminal check ((status = 'started') = (ended_at is null)),
  constraint reason_when_skipped check (
    (status = 'skipped') = (skip_reason is not null and cascades is not null)
  ),
  constraint skip_reason_is_known check (
    skip_reason in ('condition_unmet', 'dependency_skipped', 'handler_failed')
  )
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
comment on column pgflow.step_states.lease_id is
  'of the attempt that completed the step, as are attempt, worker_id and claimed_at';
comment on column pgflow.step_states.cascades is
  'of a skipped step: what waits for it is skipped too, when its other deps have ended';

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

-- tasks: the queue. A row waits here until it is claimed; then it is a row of `leases` instead.
-- Two tables, so that claiming never wades through what is already taken, expiry scans only what
-- is in flight, and no indexed column is ever updated.
create table pgflow.tasks (
  run_id uuid not null,
  step_slug text not null,
  task_index integer not null default 0,
  contract_id integer not null,
  attempts_count integer not null default 0,
  available_at timestamptz not null,
  primary key (run_id, step_slug, task_index)
) with (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0
);
create index tasks_to_claim on pgflow.tasks (contract_id, available_at);
comment on column pgflow.tasks.attempts_count is 'attempts already used';
comment on column pgflow.tasks.available_at is 'not to be claimed before; later than now while a retry waits';

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

-- watches: the runs that a client looks at, until when. NOTIFY takes a database-wide lock at
-- commit, so it is sent for these runs only.
create table pgflow.watches (
  run_id uuid primary key,
  watched_until timestamptz not null
) with (fillfactor = 50);

-- workers: who runs handlers, and when each was last heard of.
create table pgflow.workers (
  worker_id uuid primary key,
  name text not null,
  contract_ids integer [] not null,
  status text not null default 'running',
  idle boolean not null default false,
  beat_seconds double precision not null,
  started_at timestamptz not null,
  last_beat_at timestamptz not null,
  ended_at timestamptz,
  constraint status_is_known check (status in ('running', 'stopped', 'dead'))
) with (fillfactor = 50);
comment on column pgflow.workers.idle is
  'its last claim found less than it asked for: worth a NOTIFY when there is new work';

-- _condition_holds: whether the condition of a step holds in a run. It does or does not: there is no third.
-- `and` and `or` stop at the part that decides, so what comes after it is not read.
-- Called by: _fate, _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false.
create or replace function pgflow._condition_holds(p_condition jsonb, p_run_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_part jsonb;
  v_left jsonb;
  v_right jsonb;
begin
  if v_op in ('and', 'or') then
    for v_part in select e.value from jsonb_array_elements(p_condition -> 'of') as e loop
      if pgflow._condition_holds(v_part, p_run_id) <> (v_op = 'and') then
        return v_op = 'or';
      end if;
    end loop;
    return v_op = 'and';
  elsif v_op = 'not' then
    return not pgflow._condition_holds(p_condition -> 'of', p_run_id);
  elsif v_op in ('is_null', 'is_true') then
    return pgflow._operand_value(p_condition -> 'of', p_run_id)
      = case v_op when 'is_null' then 'null'::jsonb else 'true' end;
  end if;

  v_left := pgflow._operand_value(p_condition -> 'left', p_run_id);
  if v_op = 'in' then
    return exists (
      select 1 from jsonb_array_elements(p_condition -> 'values') as e where e.value = v_left
    );
  end if;
  v_right := pgflow._operand_value(p_condition -> 'right', p_run_id);
  return case v_op
    when '==' then v_left = v_right
    when '!=' then v_left <> v_right
    when 'contains' then pgflow._contains(v_left, v_right)
    else pgflow._in_order(v_op, v_left, v_right)
  end;
end;
$$;

-- _contains: whether a list has an item that is equal, or a text a part.
-- Not the operator `@>`, for which [1, 2] is within [[1, 2, 3]], and an object within a larger one.
-- Called by: _condition_holds.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false; false for what is neither list nor text.
create or replace function pgflow._contains(p_whole jsonb, p_part jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case jsonb_typeof(p_whole)
    when 'array' then exists (select 1 from jsonb_array_elements(p_whole) as e where e.value = p_part)
    when 'string' then jsonb_typeof(p_part) = 'string'
      and strpos((p_whole #>> '{}') collate "C", (p_part #>> '{}') collate "C") > 0
    else false
  end;
$$;

-- _in_order: whether two numbers or two texts are in the order that an operator asks for.
-- Texts are ordered by code point, as in Python, whatever the collation of the database is.
-- Called by: _condition_holds.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true or false; false for two values of different kinds and for all other kinds.
create or replace function pgflow._in_order(p_op text, p_left jsonb, p_right jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_left) = 'number' and jsonb_typeof(p_right) = 'number' then case p_op
      when '<' then p_left < p_right
      when '<=' then p_left <= p_right
      when '>' then p_left > p_right
      else p_left >= p_right
    end
    when jsonb_typeof(p_left) = 'string' and jsonb_typeof(p_right) = 'string' then case p_op
      when '<' then (p_left #>> '{}') collate "C" < (p_right #>> '{}') collate "C"
      when '<=' then (p_left #>> '{}') collate "C" <= (p_right #>> '{}') collate "C"
      when '>' then (p_left #>> '{}') collate "C" > (p_right #>> '{}') collate "C"
      else (p_left #>> '{}') collate "C" >= (p_right #>> '{}') collate "C"
    end
    else false
  end;
$$;

-- _operand_value: what an operand of a condition is in a run.
-- Called by: _condition_holds, _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the value; JSON null for what is not there, as the result of a step that was skipped.
create or replace function pgflow._operand_value(p_operand jsonb, p_run_id uuid) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb;
begin
  if p_operand ? 'value' then
    return p_operand -> 'value';
  elsif p_operand ? 'length' then
    v_value := pgflow._operand_value(p_operand -> 'length', p_run_id);
    return case jsonb_typeof(v_value)
      when 'array' then to_jsonb(jsonb_array_length(v_value))
      when 'string' then to_jsonb(char_length(v_value #>> '{}'))
      when 'object' then (select to_jsonb(count(*)) from jsonb_object_keys(v_value))
      else 'null'
    end;
  elsif p_operand ? 'or_else' then
    v_value := pgflow._operand_value(p_operand #> '{or_else,0}', p_run_id);
    return case v_value when 'null' then p_operand #> '{or_else,1}' else v_value end;
  elsif p_operand ->> 'source' = 'payload' then
    select r.payload into v_value from pgflow.runs as r where r.run_id = p_run_id;
  else
    select s.step_result into v_value
    from pgflow.step_states as s
    where s.run_id = p_run_id
      and s.step_slug = p_operand ->> 'step';
  end if;
  return coalesce(
    v_value #> array(select jsonb_array_elements_text(coalesce(p_operand -> 'path', '[]'))), 'null'
  );
end;
$$;

-- _show_operand: an operand of a condition as the flow module writes it, for messages.
-- Called by: _unmet_parts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text, as `flow.payload.kind`, `classify.result.items[0]`, `length(split.result)`.
create or replace function pgflow._show_operand(p_operand jsonb) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_operand ? 'value' then pgflow._show(p_operand -> 'value')
    when p_operand ? 'length' then format('length(%s)', pgflow._show_operand(p_operand -> 'length'))
    when p_operand ? 'or_else' then format(
      'or_else(%s, %s)',
      pgflow._show_operand(p_operand #> '{or_else,0}'), pgflow._show(p_operand #> '{or_else,1}')
    )
    else
      case p_operand ->> 'source' when 'payload' then 'flow.payload' else (p_operand ->> 'step') || '.result' end
      || coalesce((
        select string_agg(
          case
            when jsonb_typeof(p.value) = 'number' then format('[%s]', p.value)
            when p.value #>> '{}' ~ '^[a-zA-Z_][a-zA-Z0-9_]*$' then '.' || (p.value #>> '{}')
            else format('[%s]', pgflow._show(p.value))
          end,
          '' order by p.ordinality
        )
        from jsonb_array_elements(p_operand -> 'path') with ordinality as p
      ), '')
  end;
end;
$$;

-- _unmet_error: the error of a step that fails its run because its condition does not hold.
-- Called by: _fate, _explain_skips.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error, with the code PF610.
create or replace function pgflow._unmet_error(
  p_step_slug text, p_condition jsonb, p_run_id uuid
) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'code', 'PF610',
    'type', 'ConditionUnmetError',
    'message', format('the condition of step %L does not hold: %s', p_step_slug, string_agg(u.told, '; ')),
    'unmet', jsonb_agg(jsonb_build_object('at', u.at, 'message', u.told))
  )
  from pgflow._unmet_parts(p_condition, p_run_id) as u;
$$;

-- _unmet_parts: which parts of a condition keep it from holding in a run, and by which values.
-- Payload and results never change, so this may be asked at any time after the step was skipped.
-- Called by: _unmet_error.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   for each such part its JSON pointer within the condition and what is to be said of it;
--            nothing when the condition is as it is wanted.
create or replace function pgflow._unmet_parts(
  p_condition jsonb,
  p_run_id uuid,
  p_at text default '',
  p_wanted boolean default true  -- false: which parts keep it from not holding
) returns table (at text, told text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_operands jsonb[];
begin
  if pgflow._condition_holds(p_condition, p_run_id) = p_wanted then
    return;
  elsif v_op in ('and', 'or') then
    return query
    select u.at, u.told
    from jsonb_array_elements(p_condition -> 'of') with ordinality as e
    cross join lateral pgflow._unmet_parts(
      e.value, p_run_id, format('%s/of/%s', p_at, e.ordinality - 1), p_wanted
    ) as u
    order by e.ordinality;
    return;
  elsif v_op = 'not' then
    return query
    select u.at, u.told
    from pgflow._unmet_parts(p_condition -> 'of', p_run_id, p_at || '/of', not p_wanted) as u;
    return;
  end if;

  v_operands := array_remove(array[p_condition -> 'left', p_condition -> 'right', p_condition -> 'of'], null);
  at := p_at;
  told := format(
    '%s is %s%s',
    case
      when v_op in ('is_null', 'is_true', 'contains') then format(
        '%s(%s)', v_op, (select string_agg(pgflow._show_operand(o), ', ') from unnest(v_operands) as o)
      )
      when v_op = 'in' then format('%s in %s', pgflow._show_operand(v_operands[1]), left(p_condition ->> 'values', 200))
      else format('%s %s %s', pgflow._show_operand(v_operands[1]), v_op, pgflow._show_operand(v_operands[2]))
    end,
    (not p_wanted)::text,
    (
      select ': ' || string_agg(
        format('%s is %s', pgflow._show_operand(o), pgflow._show(pgflow._operand_value(o, p_run_id))), ' and '
      )
      from unnest(v_operands) as o
      where not o ? 'value'
    )
  );
  return next;
end;
$$;

-- _check_condition: refuse what is no condition, or asks for a result that the step does not wait for.
-- Called by: _check_rules.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a condition.
-- Returns:   nothing.
create or replace function pgflow._check_condition(
  p_condition jsonb, p_at text, p_step jsonb, p_flow_slug text, p_depth integer default 1
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_op text := p_condition ->> 'op';
  v_keys text[];
  v_of jsonb := p_condition -> 'of';
begin
  v_keys := case
    when v_op in ('and', 'or', 'not', 'is_null', 'is_true') then array['op', 'of']
    when v_op in ('==', '!=', '<', '<=', '>', '>=', 'contains') then array['op', 'left', 'right']
    when v_op = 'in' then array['op', 'left', 'values']
  end;
  if v_keys is null or jsonb_typeof(p_condition -> 'op') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format(
        'flow %L: a condition is a JSON object whose "op" is one of and, or, not, ==, !=, <, <=, >, >=, '
        'in, contains, is_null, is_true', p_flow_slug
      )
    );
  elsif not p_condition ?& v_keys or p_condition - v_keys <> '{}' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format(
        'flow %L: a condition with op "%s" has the members %s', p_flow_slug, v_op, array_to_string(v_keys, ', ')
      )
    );
  elsif p_depth > 100 then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format('flow %L: conditions may be nested 100 deep', p_flow_slug)
    );
  end if;

  if v_op in ('and', 'or') then
    if jsonb_typeof(v_of) <> 'array' or v_of = '[]' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/of', format('flow %L: must be an array of at least one condition', p_flow_slug)
      );
    end if;
    perform pgflow._check_condition(
      e.value, format('%s/of/%s', p_at, e.ordinality - 1), p_step, p_flow_slug, p_depth + 1
    )
    from jsonb_array_elements(v_of) with ordinality as e;
  elsif v_op = 'not' then
    perform pgflow._check_condition(v_of, p_at || '/of', p_step, p_flow_slug, p_depth + 1);
  elsif v_op in ('is_null', 'is_true') then
    perform pgflow._check_operand(v_of, p_at || '/of', p_step, p_flow_slug);
  else
    perform pgflow._check_operand(p_condition -> 'left', p_at || '/left', p_step, p_flow_slug);
    if v_op <> 'in' then
      perform pgflow._check_operand(p_condition -> 'right', p_at || '/right', p_step, p_flow_slug);
    elsif jsonb_typeof(p_condition -> 'values') <> 'array' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/values', format('flow %L: must be an array of values', p_flow_slug)
      );
    end if;
  end if;
end;
$$;

-- _check_digest: refuse a JSON value that is not a sha256 in hexadecimal digits.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF206.
-- Returns:   nothing.
create or replace function pgflow._check_digest(p_value jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_value) is distinct from 'string' or p_value #>> '{}' !~ '^[0-9a-f]{64}$' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, 'must be a sha256 in 64 lower-case hexadecimal digits'
    );
  end if;
end;
$$;

-- _check_failure_handler: refuse a failure handler that is not the only one, the last step and out of the graph.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF205 result of a step that the flow does not have; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_failure_handler(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_last integer := jsonb_array_length(p_flow -> 'steps') - 1;
  v_handler jsonb;
  v_index integer;
  v_wrong text;
begin
  select s.value, s.ordinality - 1 into v_handler, v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where s.value ->> 'kind' = 'failure'
  order by s.ordinality
  limit 1;
  if not found then
    return;
  end if;
  if v_index < v_last then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s', p_at, v_index),
      format('flow %L: a flow has one failure handler at most, and it is the last of its steps', v_slug)
    );
  elsif v_last = 0 then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/steps', format('flow %L: has a failure handler and no step that can fail', v_slug)
    );
  end if;
  select k.key into v_wrong
  from (
    values ('deps', '[]'::jsonb), ('when', 'null'), ('when_unmet', '"skip"'), ('on_failure', '"fail"')
  ) as k (key, nothing)
  where coalesce(v_handler -> k.key, k.nothing) <> k.nothing
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s/%s', p_at, v_index, v_wrong),
      format('flow %L: a failure handler waits for no step and has no condition and no policy', v_slug)
    );
  end if;
  select s.ordinality - 1 into v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where s.value -> 'deps' ? (v_handler ->> 'slug')
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/steps/%s/deps', p_at, v_index),
      format('flow %L: no step can wait for the failure handler %L', v_slug, v_handler ->> 'slug')
    );
  end if;
  select i.key into v_wrong
  from jsonb_each(coalesce(v_handler -> 'inputs', '{}')) as i
  where i.value ->> 'source' = 'result'
    and not exists (
      select 1
      from jsonb_array_elements(p_flow -> 'steps') as s
      where s.value -> 'slug' = i.value -> 'step' and s.value ->> 'kind' is distinct from 'failure'
    )
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF205', pgflow._pointer(format('%s/steps/%s/inputs', p_at, v_last), v_wrong) || '/step',
      format('flow %L: the step that is named here is none of its others', v_slug)
    );
  end if;
end;
$$;

-- _check_flow: refuse a flow whose parts are missing or contradict each other.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF201 slug; PF203 option; PF204 cycle; PF205 unknown dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_flow(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_step jsonb;
  v_index integer;
  v_twice text;
begin
  if jsonb_typeof(p_flow) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'a flow must be a JSON object');
  end if;
  perform pgflow._check_slug(p_flow -> 'slug', p_at || '/slug');
  perform pgflow._check_digest(p_flow -> 'digest', p_at || '/digest');
  if jsonb_typeof(p_flow -> 'payload_schema') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/payload_schema', format('flow %L: must be a JSON Schema object', v_slug)
    );
  end if;
  if jsonb_typeof(p_flow -> 'description') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/description', format('flow %L: must be a string', v_slug)
    );
  end if;
  if jsonb_typeof(p_flow -> 'client_startable') <> 'boolean' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/client_startable', format('flow %L: must be true or false', v_slug)
    );
  end if;
  perform pgflow._check_options(p_flow -> 'options', p_at || '/options', false);
  if jsonb_typeof(p_flow -> 'steps') is distinct from 'array' or p_flow -> 'steps' = '[]' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/steps', format('flow %L: must be an array with at least one step', v_slug)
    );
  end if;
  for v_step, v_index in
    select s.value, s.ordinality - 1
    from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  loop
    perform pgflow._check_step(v_step, format('%s/steps/%s', p_at, v_index), v_slug);
  end loop;
  select s.value ->> 'slug', max(s.ordinality) - 1 into v_twice, v_index
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  group by s.value ->> 'slug'
  having count(*) > 1
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format('%s/steps/%s/slug', p_at, v_index),
      format('flow %L: more than one step has the slug %L', v_slug, v_twice)
    );
  end if;
  perform pgflow._check_graph(p_flow, p_at);
  perform pgflow._check_failure_handler(p_flow, p_at);
end;
$$;

-- _check_flow_step: refuse a step that starts no flow or takes more than a payload, and a sub-flow in another.
-- Whether the sub-flow exists is seen when the step starts: it may be deployed later.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_flow_step(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key text;
begin
  if p_step ->> 'kind' is distinct from 'flow' then
    select k.key into v_key
    from unnest('{flow,flow_step}'::text[]) as k (key)
    where coalesce(p_step -> k.key, 'null') <> 'null';
    if found then
      perform pgflow._raise_manifest_invalid(
        'PF206', format('%s/%s', p_at, v_key),
        format('flow %L: only a step of the kind "flow" starts a sub-flow', p_flow_slug)
      );
    end if;
    return;
  end if;
  if not coalesce(pgflow._is_slug(p_step ->> 'flow'), false) then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/flow', format('flow %L: must be the slug of the flow that the step starts', p_flow_slug)
    );
  elsif not coalesce(pgflow._is_slug(p_step ->> 'flow_step'), coalesce(p_step -> 'flow_step', 'null') = 'null') then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/flow_step', format('flow %L: must be the slug of a step of the sub-flow', p_flow_slug)
    );
  elsif (select coalesce(array_agg(i.key), '{}') from jsonb_object_keys(p_step -> 'inputs') as i (key))
    <> array['payload']
  then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs',
      format('flow %L: a step that starts a flow has the one argument "payload"', p_flow_slug)
    );
  end if;
end;
$$;

-- _check_graph: refuse deps that do not exist and steps that wait for each other in a circle.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF204 cycle; PF205 unknown dep.
-- Returns:   nothing.
create or replace function pgflow._check_graph(p_flow jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left jsonb := '{}';  -- the steps not yet removed: slug -> its deps among them
  v_free text[];
  v_wrong record;
begin
  select jsonb_object_agg(s.value ->> 'slug', coalesce(s.value -> 'deps', '[]')) into v_left
  from jsonb_array_elements(p_flow -> 'steps') as s;

  select s.ordinality - 1 as step_index, s.value ->> 'slug' as step_slug, d.value as dep
  into v_wrong
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  cross join lateral jsonb_array_elements_text(coalesce(s.value -> 'deps', '[]')) as d
  where not v_left ? d.value
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF205',
      format('%s/steps/%s/deps', p_at, v_wrong.step_index),
      format(
        'flow %L: step %L waits for %L, which the flow does not have',
        p_flow ->> 'slug', v_wrong.step_slug, v_wrong.dep
      ),
      jsonb_build_object('step', v_wrong.step_slug, 'dep', v_wrong.dep)
    );
  end if;

  -- Kahn (1962): take away the steps that wait for nothing until none is left, or only circles.
  while v_left <> '{}' loop
    v_free := array(select s.key from jsonb_each(v_left) as s where s.value = '[]');
    if cardinality(v_free) = 0 then
      perform pgflow._raise_manifest_invalid(
        'PF204',
        p_at || '/steps',
        format(
          'flow %L: these steps wait for each other in a circle, or for one that does: %s',
          p_flow ->> 'slug',
          (select string_agg(k.key, ', ' order by k.key) from jsonb_object_keys(v_left) as k (key))
        ),
        jsonb_build_object('steps', (
          select jsonb_agg(k.key order by k.key) from jsonb_object_keys(v_left) as k (key)
        ))
      );
    end if;
    select coalesce(jsonb_object_agg(s.key, s.value - v_free), '{}') into v_left
    from jsonb_each(v_left) as s
    where s.key <> all (v_free);
  end loop;
end;
$$;

-- _check_manifest: refuse what is not a manifest of this format.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF206 not a manifest; PF207 format version.
-- Returns:   nothing.
create or replace function pgflow._check_manifest(p_manifest jsonb) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_twice text;
  v_index bigint;
begin
  if jsonb_typeof(p_manifest) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', '', 'the manifest must be a JSON object');
  end if;
  if jsonb_typeof(p_manifest -> 'format_version') is distinct from 'number' then
    perform pgflow._raise_manifest_invalid(
      'PF206', '/format_version', 'must be a number that says the version of the format'
    );
  end if;
  if p_manifest -> 'format_version' <> '1' then
    raise exception using
      errcode = 'PF207',
      message = format(
        'the manifest has format version %s; this database reads version 1',
        p_manifest -> 'format_version'
      ),
      detail = jsonb_build_object('found', p_manifest -> 'format_version', 'known', 1)::text,
      hint = 'run `pgflow migrate` with a newer pgflow, or compile with the one of this database';
  end if;
  if jsonb_typeof(p_manifest -> 'flows') is distinct from 'array' then
    perform pgflow._raise_manifest_invalid('PF206', '/flows', 'must be an array of flows');
  end if;
  select f.value ->> 'slug', max(f.ordinality) - 1 into v_twice, v_index
  from jsonb_array_elements(p_manifest -> 'flows') with ordinality as f
  group by f.value ->> 'slug'
  having f.value ->> 'slug' is not null and count(*) > 1
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format('/flows/%s/slug', v_index),
      format('more than one flow has the slug %L', v_twice)
    );
  end if;
end;
$$;

-- _check_map: refuse a map, of tasks or of sub-flows, without list, item or list of results, and any of these
-- in another step.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 list of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_map(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema jsonb := p_step -> 'result_schema';
  v_of_item text;
  v_further text;
begin
  select i.key into v_of_item
  from jsonb_each(coalesce(p_step -> 'inputs', '{}')) as i
  where i.value ->> 'source' = 'each'
  limit 1;

  if p_step ->> 'kind' is distinct from 'map'
    and (p_step ->> 'kind' is distinct from 'flow' or coalesce(p_step -> 'over', 'null') = 'null')
  then
    if coalesce(p_step -> 'over', 'null') <> 'null' then
      perform pgflow._raise_manifest_invalid(
        'PF206', p_at || '/over',
        format('flow %L: only a map step, and one that starts flows, goes over a list', p_flow_slug)
      );
    end if;
    if v_of_item is not null then
      perform pgflow._raise_manifest_invalid(
        'PF206',
        pgflow._pointer(p_at || '/inputs', v_of_item),
        format('flow %L: only an argument of a map step takes an item', p_flow_slug)
      );
    end if;
    return;
  end if;

  perform pgflow._check_source(
    p_step -> 'over', p_at || '/over', p_step, p_flow_slug, array['payload', 'result']
  );
  if v_of_item is null then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: no argument of the map step takes the item', p_flow_slug)
    );
  end if;
  if v_schema -> 'type' is distinct from '"array"' or jsonb_typeof(v_schema -> 'items') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      p_at || '/result_schema',
      format('flow %L: a map step returns a list: the type must be "array", and "items" a schema', p_flow_slug)
    );
  end if;
  -- Each result is checked when it comes, and the list that is made of them not again.
  select k.key into v_further
  from jsonb_object_keys(v_schema) as k (key)
  where k.key not in (
    'type', 'items', '$defs', '$schema', '$id', '$comment', 'title', 'description', 'default',
    'examples', 'deprecated', 'readOnly', 'writeOnly'
  )
  limit 1;
  if v_further is not null then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      pgflow._pointer(p_at || '/result_schema', v_further),
      format('flow %L: the list of a map step has as many items as the list that it goes over, '
        'so its schema may say of what kind they are, and no more', p_flow_slug)
    );
  end if;
end;
$$;

-- _check_nulls: refuse a step whose result, or an item of it, may be null, if its schema allows none.
-- So it is with a map that skips items which fail, and with a signal whose time can be over: nothing else
-- holds these nulls against the schema.
-- Called by: deploy, when the schemas are stored.
-- Locks:     none.
-- Raises:    PF206.
-- Returns:   nothing.
create or replace function pgflow._check_nulls(p_flow jsonb, p_at text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  select
    s.value ->> 'slug' as step_slug, s.ordinality - 1 as step_index,
    coalesce(s.value -> 'over', 'null') <> 'null' as is_map
  into v_wrong
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where (
    coalesce(s.value -> 'over', 'null') <> 'null' and s.value ->> 'on_failure' = 'skip'
    or s.value ->> 'kind' = 'signal' and s.value #> '{options,timeout_seconds}' <> 'null'
  )
  and pgflow._check_value(pgflow._schema_id(pgflow._task_schema(s.value)), 'null') is not null
  limit 1;
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      format(
        '%s/steps/%s/result_schema%s', p_at, v_wrong.step_index, case when v_wrong.is_map then '/items' else '' end
      ),
      case when v_wrong.is_map then format(
        'flow %L: map step %L skips items that fail, so its list has nulls, and "items" must allow null',
        p_flow ->> 'slug', v_wrong.step_slug
      )
      else format(
        'flow %L: signal %L has a timeout, after which its result is null, which its schema must allow',
        p_flow ->> 'slug', v_wrong.step_slug
      )
      end
    );
  end if;
end;
$$;

-- _check_operand: refuse what is no operand of a condition.
-- Called by: _check_condition.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not an operand.
-- Returns:   nothing.
create or replace function pgflow._check_operand(
  p_operand jsonb, p_at text, p_step jsonb, p_flow_slug text, p_depth integer default 1
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_operand) = 'object' and p_depth <= 100 then
    if p_operand ? 'source' and p_operand - array['source', 'step', 'path'] = '{}' then
      perform pgflow._check_source(p_operand, p_at, p_step, p_flow_slug, array['payload', 'result']);
      return;
    elsif p_operand ? 'value' and p_operand - 'value' = '{}' then
      return;
    elsif p_operand ? 'length' and p_operand - 'length' = '{}' then
      perform pgflow._check_operand(p_operand -> 'length', p_at || '/length', p_step, p_flow_slug, p_depth + 1);
      return;
    elsif p_operand - 'or_else' = '{}'
      and jsonb_typeof(p_operand -> 'or_else') = 'array'
      and jsonb_array_length(p_operand -> 'or_else') = 2
    then
      perform pgflow._check_operand(
        p_operand #> '{or_else,0}', p_at || '/or_else/0', p_step, p_flow_slug, p_depth + 1
      );
      return;
    end if;
  end if;
  perform pgflow._raise_manifest_invalid(
    'PF206', p_at, format(
      'flow %L: an operand is {"source": "payload" or "result", ...}, {"value": ...}, {"length": operand} '
      'or {"or_else": [operand, value]}, nested 100 deep at most', p_flow_slug
    )
  );
end;
$$;

-- _check_options: refuse options out of their range; one that is missing or null has its default.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF203 out of range; PF206 unknown option.
-- Returns:   nothing.
create or replace function pgflow._check_options(
  p_options jsonb,
  p_at text,
  p_of_step boolean  -- a step has no payload and no deadline of its own; a flow does not wait, its steps do
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_option record;
begin
  if p_options is null then
    return;
  end if;
  if jsonb_typeof(p_options) <> 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'options must be a JSON object');
  end if;
  for v_option in
    select o.key, o.value, r.low, r.high, r.is_whole
    from jsonb_each(p_options) as o
    left join (
      values
      ('max_attempts', 1, 1000, true),
      ('base_delay_seconds', 0, 86400, false),
      ('max_delay_seconds', 0, 2592000, false),
      ('start_delay_seconds', 0, 31536000, false),
      ('jitter', 0, 1, false),
      ('timeout_seconds', 0.000001, 31536000, false),
      ('deadline_seconds', 0.000001, 315360000, false),
      ('max_payload_bytes', 1, 268435455, true),
      ('max_result_bytes', 1, 268435455, true)
    ) as r (key, low, high, is_whole)
      on r.key = o.key
      and r.key <> all (
        case
          when p_of_step then array['max_payload_bytes', 'deadline_seconds']
          else array['start_delay_seconds']
        end
      )
    where o.value <> 'null'
      and not (o.key = 'backoff' and o.value in ('"exponential"', '"fixed"'))
  loop
    if v_option.key = 'backoff' then
      perform pgflow._raise_manifest_invalid(
        'PF203', p_at || '/backoff', 'backoff must be "exponential" or "fixed"'
      );
    elsif v_option.low is null then
      perform pgflow._raise_manifest_invalid(
        'PF206', pgflow._pointer(p_at, v_option.key), 'there is no such option'
      );
    end if;
    if jsonb_typeof(v_option.value) <> 'number'
      or not (v_option.value #>> '{}')::numeric between v_option.low and v_option.high
      or (v_option.is_whole and (v_option.value #>> '{}')::numeric % 1 <> 0)
    then
      perform pgflow._raise_manifest_invalid(
        'PF203',
        pgflow._pointer(p_at, v_option.key),
        format(
          '%s is %s; it must be a %s between %s and %s',
          v_option.key, left(v_option.value::text, 100),
          case when v_option.is_whole then 'whole number' else 'number' end,
          v_option.low, v_option.high
        )
      );
    end if;
  end loop;
end;
$$;

-- _check_rules: refuse a step whose condition, or what follows from it or from a failure, is wrong.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_rules(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_wrong record;
begin
  select r.key, r.allowed into v_wrong
  from (
    values
    ('when_unmet', '["skip", "skip_cascade", "fail"]'::jsonb),
    ('on_failure', '["fail", "skip", "skip_cascade"]')
  ) as r (key, allowed)
  where p_step ? r.key and not r.allowed @> jsonb_build_array(p_step -> r.key);
  if found then
    perform pgflow._raise_manifest_invalid(
      'PF206', format('%s/%s', p_at, v_wrong.key),
      format('flow %L: must be one of %s', p_flow_slug, v_wrong.allowed)
    );
  end if;
  if coalesce(p_step -> 'when', 'null') <> 'null' then
    perform pgflow._check_condition(p_step -> 'when', p_at || '/when', p_step, p_flow_slug);
  elsif p_step -> 'when_unmet' <> '"skip"' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/when_unmet',
      format('flow %L: says what follows when a condition does not hold, and there is no condition', p_flow_slug)
    );
  end if;
end;
$$;

-- _check_same_graph: refuse a flow whose digest stands for another graph than the one it brings.
-- Called by: _put_flow.
-- Locks:     none.
-- Raises:    PF304.
-- Returns:   nothing.
create or replace function pgflow._check_same_graph(p_flow jsonb, p_version integer) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_stored jsonb;
  v_given jsonb;
begin
  select
    jsonb_object_agg(
      s.step_slug,
      jsonb_build_object(
        'digest', c.digest,
        'when', s.condition,
        'when_unmet', s.when_unmet,
        'on_failure', s.on_failure,
        'deps', coalesce((
          select jsonb_agg(d.from_step_slug order by d.from_step_slug collate "C")
          from pgflow.deps as d
          where d.flow_slug = s.flow_slug and d.version = s.version and d.to_step_slug = s.step_slug
        ), '[]')
      )
    )
  into v_stored
  from pgflow.steps as s
  join pgflow.contracts as c on c.contract_id = s.contract_id
  where s.flow_slug = v_slug and s.version = p_version;

  select
    jsonb_object_agg(
      s.value ->> 'slug',
      jsonb_build_object(
        'digest', s.value -> 'digest',
        'when', s.value -> 'when',
        'when_unmet', coalesce(s.value -> 'when_unmet', '"skip"'),
        'on_failure', coalesce(s.value -> 'on_failure', '"fail"'),
        'deps', coalesce((
          select jsonb_agg(distinct d.value collate "C")
          from jsonb_array_elements_text(s.value -> 'deps') as d
        ), '[]')
      )
    )
  into v_given
  from jsonb_array_elements(p_flow -> 'steps') as s;

  if v_stored <> v_given then
    raise exception using
      errcode = 'PF304',
      message = format(
        'flow %L: version %s has the same digest and other steps or deps', v_slug, p_version
      ),
      detail = jsonb_build_object('flow_slug', v_slug, 'stored', v_stored, 'given', v_given)::text,
      hint = 'write the manifest anew with `pgflow compile`, so that its digests are right';
  end if;
end;
$$;

-- _check_same_schemas: refuse a flow with digests that stand for other schemas than those it brings.
-- Schemas are the same if their programs are: titles and descriptions may change.
-- Called by: _put_flow, when all schemas are stored.
-- Locks:     none.
-- Raises:    PF304.
-- Returns:   nothing.
create or replace function pgflow._check_same_schemas(p_flow jsonb) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_what text;
begin
  select d.what into v_what
  from (
    select 'the payload' as what, v.payload_schema_id as stored_id, p_flow -> 'payload_schema' as given
    from pgflow.flow_versions as v
    where v.flow_slug = v_slug
      and v.digest = p_flow ->> 'digest'
    union all
    select format('the result of step %L', c.step_slug), c.result_schema_id, pgflow._task_schema(s.value)
    from jsonb_array_elements(p_flow -> 'steps') as s
    join pgflow.contracts as c
      on c.flow_slug = v_slug
      and c.step_slug = s.value ->> 'slug'
      and c.digest = s.value ->> 'digest'
  ) as d
  join pgflow.schemas as stored on stored.schema_id = d.stored_id
  join pgflow.schemas as given on given.schema_id = pgflow._schema_id(d.given)
  where stored.program <> given.program
  limit 1;
  if found then
    raise exception using
      errcode = 'PF304',
      message = format('flow %L: %s was deployed with the same digest and another schema', v_slug, v_what),
      detail = jsonb_build_object('flow_slug', v_slug, 'what', v_what)::text,
      hint = 'write the manifest anew with `pgflow compile`, so that its digests are right';
  end if;
end;
$$;

-- _check_slug: refuse a JSON value that is not a slug.
-- Called by: _check_flow, _check_step.
-- Locks:     none.
-- Raises:    PF201.
-- Returns:   nothing.
create or replace function pgflow._check_slug(p_value jsonb, p_at text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_value) is distinct from 'string' or not pgflow._is_slug(p_value #>> '{}') then
    perform pgflow._raise_manifest_invalid(
      'PF201',
      p_at,
      format(
        '%s is not a slug: letters, digits and underscores, not starting with a digit, '
        '1 to 128 characters, not "run"',
        coalesce(left(p_value::text, 200), 'nothing')
      )
    );
  end if;
end;
$$;

-- _check_source: refuse what does not say where a value comes from.
-- Called by: _check_step, _check_operand, _check_waiting, _check_map.
-- Locks:     none.
-- Raises:    PF205 result of a step that is no dep; PF206 not a source.
-- Returns:   nothing.
create or replace function pgflow._check_source(
  p_source jsonb, p_at text, p_step jsonb, p_flow_slug text, p_allowed text []
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(p_source) is distinct from 'object'
    or coalesce(p_source ->> 'source', '') <> all (p_allowed)
    or jsonb_typeof(coalesce(p_source -> 'path', '[]')) <> 'array'
    or exists (
      select 1
      from jsonb_array_elements(coalesce(p_source -> 'path', '[]')) as part
      where jsonb_typeof(part.value) not in ('string', 'number')
    )
  then
    perform pgflow._raise_manifest_invalid(
      'PF206',
      p_at,
      format(
        'flow %L: must name its source, %s, and its path',
        p_flow_slug, (select string_agg(format('"%s"', a), ' or ') from unnest(p_allowed) as a)
      )
    );
  end if;
  if p_source ->> 'source' = 'result'
    and not coalesce(p_step -> 'deps' ? (p_source ->> 'step'), false)
  then
    perform pgflow._raise_manifest_invalid(
      'PF205',
      p_at || '/step',
      format('flow %L: the step that is named here is not in deps', p_flow_slug)
    );
  end if;
end;
$$;

-- _check_step: refuse a step whose own parts are missing or wrong.
-- Called by: _check_flow.
-- Locks:     none.
-- Raises:    PF201 slug; PF203 option; PF205 input of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_step(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_input record;
begin
  if jsonb_typeof(p_step) is distinct from 'object' then
    perform pgflow._raise_manifest_invalid('PF206', p_at, 'a step must be a JSON object');
  end if;
  perform pgflow._check_slug(p_step -> 'slug', p_at || '/slug');
  perform pgflow._check_digest(p_step -> 'digest', p_at || '/digest');
  perform pgflow._check_options(p_step -> 'options', p_at || '/options', true);
  if coalesce(p_step ->> 'kind', 'single') not in ('single', 'map', 'signal', 'sleep', 'flow', 'failure') then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/kind', format('flow %L: unknown kind of step', p_flow_slug)
    );
  end if;
  if jsonb_typeof(p_step -> 'description') <> 'string' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/description', format('flow %L: must be a string', p_flow_slug)
    );
  end if;
  if jsonb_typeof(p_step -> 'result_schema') is distinct from 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/result_schema', format('flow %L: must be a JSON Schema object', p_flow_slug)
    );
  end if;
  if jsonb_typeof(coalesce(p_step -> 'deps', '[]')) <> 'array'
    or exists (
      select 1
      from jsonb_array_elements(coalesce(p_step -> 'deps', '[]')) as d
      where jsonb_typeof(d.value) <> 'string'
    )
  then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/deps', format('flow %L: must be an array of step slugs', p_flow_slug)
    );
  end if;
  if jsonb_typeof(coalesce(p_step -> 'inputs', '{}')) <> 'object' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: must be a JSON object', p_flow_slug)
    );
  end if;
  for v_input in
    select i.key, i.value from jsonb_each(coalesce(p_step -> 'inputs', '{}')) as i
  loop
    perform pgflow._check_source(
      v_input.value, pgflow._pointer(p_at || '/inputs', v_input.key),
      case
        -- It takes what there is of any step; _check_failure_handler looks whether the flow has it.
        when p_step ->> 'kind' = 'failure' then
          jsonb_build_object('deps', jsonb_build_array(v_input.value -> 'step'))
        else p_step
      end,
      p_flow_slug,
      case p_step ->> 'kind'
        when 'failure' then array['payload', 'result', 'error']
        else array['payload', 'result', 'each']
      end
    );
  end loop;
  perform pgflow._check_map(p_step, p_at, p_flow_slug);
  perform pgflow._check_waiting(p_step, p_at, p_flow_slug);
  perform pgflow._check_flow_step(p_step, p_at, p_flow_slug);
  perform pgflow._check_rules(p_step, p_at, p_flow_slug);
end;
$$;

-- _check_waiting: refuse a signal or sleep with arguments or a policy for failures that it cannot have, a sleep
-- without end, and an end in another step.
-- Called by: _check_step.
-- Locks:     none.
-- Raises:    PF205 end at the result of a step that is no dep; PF206 not a manifest.
-- Returns:   nothing.
create or replace function pgflow._check_waiting(
  p_step jsonb, p_at text, p_flow_slug text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := coalesce(p_step ->> 'kind', 'single');
  v_seconds constant jsonb := nullif(p_step -> 'seconds', 'null');
  v_until constant jsonb := nullif(p_step -> 'until', 'null');
begin
  if v_kind in ('signal', 'sleep') and coalesce(p_step -> 'inputs', '{}') <> '{}' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/inputs', format('flow %L: a %s has no handler, and takes no arguments', p_flow_slug, v_kind)
    );
  end if;
  -- The timeout of a signal is a result, and only an end that is computed can turn out to be no time.
  if (v_kind = 'signal' or v_kind = 'sleep' and v_until is null) and p_step ->> 'on_failure' <> 'fail' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/on_failure',
      format('flow %L: such a %s cannot fail, and has no policy for it', p_flow_slug, v_kind)
    );
  end if;
  if v_kind <> 'sleep' then
    if coalesce(v_seconds, v_until) is not null then
      perform pgflow._raise_manifest_invalid(
        'PF206',
        p_at || case when v_seconds is null then '/until' else '/seconds' end,
        format('flow %L: only a sleep says how long it takes', p_flow_slug)
      );
    end if;
    return;
  end if;
  if (v_seconds is null) = (v_until is null) then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at, format('flow %L: a sleep says either for how many "seconds" or "until" when', p_flow_slug)
    );
  elsif v_until is not null then
    perform pgflow._check_source(v_until, p_at || '/until', p_step, p_flow_slug, array['payload', 'result']);
  elsif jsonb_typeof(v_seconds) <> 'number' or v_seconds < '0' or v_seconds > '3155760000' then
    perform pgflow._raise_manifest_invalid(
      'PF206', p_at || '/seconds', format('flow %L: must be a number of 0 to 3155760000', p_flow_slug)
    );
  end if;
end;
$$;

-- _mark_plain_steps: note which steps of a flow get a task as soon as their deps have ended, and no question.
-- Of all versions, because versions share contracts, and with them the delay.
-- Called by: _put_steps.
-- Locks:     the steps that change.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._mark_plain_steps(p_flow_slug text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with recursive cascading as (
    select s.version, s.step_slug
    from pgflow.steps as s
    where s.flow_slug = p_flow_slug
      and (s.on_failure = 'skip_cascade' or s.condition is not null and s.when_unmet = 'skip_cascade')
    union
    select d.version, d.to_step_slug
    from cascading as c
    join pgflow.deps as d
      on d.flow_slug = p_flow_slug and d.version = c.version and d.from_step_slug = c.step_slug
  )
  update pgflow.steps as s
  set is_plain = n.is_plain
  from (
    select
      s.version, s.step_slug,
      s.kind = 'single'
        and s.condition is null
        and c.start_delay_seconds = 0
        and not exists (
          select 1
          from pgflow.deps as d
          join cascading as f on f.version = d.version and f.step_slug = d.from_step_slug
          where d.flow_slug = s.flow_slug and d.version = s.version and d.to_step_slug = s.step_slug
        ) as is_plain
    from pgflow.steps as s
    join pgflow.contracts as c on c.contract_id = s.contract_id
    where s.flow_slug = p_flow_slug
  ) as n
  where s.flow_slug = p_flow_slug
    and s.version = n.version
    and s.step_slug = n.step_slug
    and s.is_plain <> n.is_plain;
end;
$$;

-- _pointer: the JSON pointer (RFC 6901) of a member of what p_at points to.
-- Called by: _check_failure_handler, _check_map, _check_options, _check_step, _link_keywords, _link_schema,
--            _no_list_error, _schema_resources, _under.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the pointer.
create or replace function pgflow._pointer(p_at text, p_key text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_at || '/' || replace(replace(p_key, '~', '~0'), '/', '~1');
$$;

-- _put_contracts: store the contract and the inputs of each step; apply its options in place.
-- What a step leaves open, its flow says; what neither says has the default of the manifest format.
-- But the timeout of a signal is its own: that of the flow bounds attempts, of which a signal has none.
-- Called by: _put_flow.
-- Locks:     the contracts.
-- Raises:    nothing.
-- Returns:   whether anything is new or changed.
create or replace function pgflow._put_contracts(p_flow jsonb) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed boolean;
begin
  insert into pgflow.contracts as c (
    flow_slug, step_slug, digest,
    max_attempts, base_delay_seconds, max_delay_seconds, backoff, start_delay_seconds, jitter, timeout_seconds,
    result_schema_id, max_result_bytes, over_source, over_step_slug, over_path
  )
  select
    p_flow ->> 'slug',
    s.value ->> 'slug',
    s.value ->> 'digest',
    coalesce((o.options ->> 'max_attempts')::numeric::integer, 3),
    coalesce((o.options ->> 'base_delay_seconds')::double precision, 1),
    coalesce((o.options ->> 'max_delay_seconds')::double precision, 300),
    coalesce(o.options ->> 'backoff', 'exponential'),
    coalesce((o.options ->> 'start_delay_seconds')::double precision, 0),
    coalesce((o.options ->> 'jitter')::double precision, 0.5),
    (
      case s.value ->> 'kind' when 'signal' then s.value -> 'options' else o.options end ->> 'timeout_seconds'
    )::double precision,
    pgflow._schema_id(pgflow._task_schema(s.value)),
    coalesce((o.options ->> 'max_result_bytes')::numeric::integer, 4194304),
    m.value ->> 'source',
    case when m.value ->> 'source' = 'result' then m.value ->> 'step' end,
    case when m.value is not null then
      array(select jsonb_array_elements_text(coalesce(m.value -> 'path', '[]')))
    end
  from jsonb_array_elements(p_flow -> 'steps') as s
  cross join lateral (
    select coalesce(jsonb_strip_nulls(p_flow -> 'options'), '{}')
      || coalesce(jsonb_strip_nulls(s.value -> 'options'), '{}') as options
  ) as o
  left join lateral (select nullif(s.value -> 'over', 'null') as value) as m on true
  on conflict (flow_slug, step_slug, digest) do update
    set max_attempts = excluded.max_attempts,
      base_delay_seconds = excluded.base_delay_seconds,
      max_delay_seconds = excluded.max_delay_seconds,
      backoff = excluded.backoff,
      start_delay_seconds = excluded.start_delay_seconds,
      jitter = excluded.jitter,
      timeout_seconds = excluded.timeout_seconds,
      result_schema_id = excluded.result_schema_id,
      max_result_bytes = excluded.max_result_bytes
    where (
      c.max_attempts, c.base_delay_seconds, c.max_delay_seconds, c.backoff, c.start_delay_seconds,
      c.jitter, c.timeout_seconds, c.result_schema_id, c.max_result_bytes
    ) is distinct from (
      excluded.max_attempts, excluded.base_delay_seconds, excluded.max_delay_seconds,
      excluded.backoff, excluded.start_delay_seconds, excluded.jitter, excluded.timeout_seconds,
      excluded.result_schema_id, excluded.max_result_bytes
    );
  v_changed := found;

  insert into pgflow.step_inputs (contract_id, parameter, source, from_step_slug, path)
  select
    c.contract_id,
    i.key,
    i.value ->> 'source',
    case when i.value ->> 'source' = 'result' then i.value ->> 'step' end,
    array(select jsonb_array_elements_text(coalesce(i.value -> 'path', '[]')))
  from jsonb_array_elements(p_flow -> 'steps') as s
  join pgflow.contracts as c
    on c.flow_slug = p_flow ->> 'slug'
    and c.step_slug = s.value ->> 'slug'
    and c.digest = s.value ->> 'digest'
  cross join lateral jsonb_each(coalesce(s.value -> 'inputs', '{}')) as i
  on conflict (contract_id, parameter) do nothing;
  return v_changed;
end;
$$;

-- _put_flow: store one checked flow.
-- Called by: deploy.
-- Locks:     the rows of the flow.
-- Raises:    PF304 same digest, other graph or other schemas.
-- Returns:   its version and what happened.
create or replace function pgflow._put_flow(p_flow jsonb)
returns table (version integer, outcome text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_version integer;
  v_outcome text;
  v_slug text := p_flow ->> 'slug';
  v_current integer;
  v_changed boolean;
begin
  select f.current_version into v_current
  from pgflow.flows as f
  where f.flow_slug = v_slug
  for update;

  select v.version into v_version
  from pgflow.flow_versions as v
  where v.flow_slug = v_slug
    and v.digest = p_flow ->> 'digest';
  if v_version is null then
    select coalesce(max(v.version), 0) + 1 into v_version
    from pgflow.flow_versions as v
    where v.flow_slug = v_slug;
    v_outcome := case when v_current is null then 'created' else 'new_version' end;
  else
    perform pgflow._check_same_graph(p_flow, v_version);
    v_outcome := case when v_version = v_current then 'unchanged' else 'restored' end;
  end if;

  perform pgflow._check_same_schemas(p_flow);

  insert into pgflow.flows as f (flow_slug, description, client_startable, current_version)
  values (
    v_slug,
    coalesce(p_flow ->> 'description', ''),
    coalesce((p_flow ->> 'client_startable')::boolean, false),
    v_version
  )
  on conflict (flow_slug) do update
    set description = excluded.description,
      client_startable = excluded.client_startable,
      current_version = excluded.current_version
    where (f.description, f.client_startable, f.current_version)
      is distinct from (excluded.description, excluded.client_startable, excluded.current_version);
  v_changed := found;

  insert into pgflow.flow_versions as v (
    flow_slug, version, digest, definition, payload_schema, payload_schema_id, max_payload_bytes,
    deadline_seconds
  )
  values (
    v_slug,
    v_version,
    p_flow ->> 'digest',
    p_flow,
    p_flow -> 'payload_schema',
    pgflow._schema_id(p_flow -> 'payload_schema'),
    coalesce((p_flow #>> '{options,max_payload_bytes}')::numeric::integer, 4194304),
    (p_flow #>> '{options,deadline_seconds}')::double precision
  )
  on conflict (flow_slug, version) do update
    set payload_schema = excluded.payload_schema,
      payload_schema_id = excluded.payload_schema_id,
      max_payload_bytes = excluded.max_payload_bytes,
      deadline_seconds = excluded.deadline_seconds
    where (v.payload_schema, v.max_payload_bytes, v.deadline_seconds)
      is distinct from (excluded.payload_schema, excluded.max_payload_bytes, excluded.deadline_seconds);
  v_changed := found or v_changed;

  -- By itself: what only the definition tells, such as the names of inferred types, is no change.
  update pgflow.flow_versions as v
  set definition = p_flow
  where v.flow_slug = v_slug
    and v.version = v_version
    and v.definition <> p_flow;

  v_changed := pgflow._put_contracts(p_flow) or v_changed;
  v_changed := pgflow._put_steps(p_flow, v_version) or v_changed;
  if v_outcome = 'unchanged' and v_changed then
    v_outcome := 'options_changed';
  end if;
  return query select v_version, v_outcome;
end;
$$;

-- _put_schemas: check, compile and store every schema that a flow names.
-- Called by: deploy.
-- Locks:     none.
-- Raises:    PF211 a schema is refused.
-- Returns:   nothing; _schema_id tells where each of them is.
create or replace function pgflow._put_schemas(p_flow jsonb, p_at text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
begin
  perform pgflow._put_schema(
    p_flow -> 'payload_schema',
    p_at || '/payload_schema',
    format('the payload schema of flow %L', v_slug)
  );
  perform pgflow._put_schema(
    s.value -> 'result_schema',
    format('%s/steps/%s/result_schema', p_at, s.ordinality - 1),
    format('the result schema of step %L of flow %L', s.value ->> 'slug', v_slug)
  )
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s;
  -- After the whole, in which errors have their right pointers.
  perform pgflow._put_schema(
    pgflow._task_schema(s.value),
    format('%s/steps/%s/result_schema/items', p_at, s.ordinality - 1),
    format('the schema of one task of map step %L of flow %L', s.value ->> 'slug', v_slug)
  )
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as s
  where coalesce(s.value -> 'over', 'null') <> 'null';
end;
$$;

-- _put_steps: store the steps and deps of one version of a flow.
-- Called by: _put_flow.
-- Locks:     the steps of the version.
-- Raises:    nothing.
-- Returns:   whether anything is new or changed.
create or replace function pgflow._put_steps(p_flow jsonb, p_version integer) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slug text := p_flow ->> 'slug';
  v_changed boolean;
begin
  insert into pgflow.steps as s (
    flow_slug, version, step_slug, step_index, kind, description, result_schema, contract_id,
    is_root, is_leaf, condition, when_unmet, on_failure, sleep,
    sub_flow_slug, sub_step_slug
  )
  select
    v_slug,
    p_version,
    n.value ->> 'slug',
    n.ordinality - 1,
    coalesce(n.value ->> 'kind', 'single'),
    coalesce(n.value ->> 'description', ''),
    n.value -> 'result_schema',
    c.contract_id,
    coalesce(n.value -> 'deps', '[]') = '[]' and n.value ->> 'kind' is distinct from 'failure',
    n.value ->> 'kind' is distinct from 'failure' and not exists (
      select 1
      from jsonb_array_elements(p_flow -> 'steps') as waiting
      where waiting.value -> 'deps' ? (n.value ->> 'slug')
    ),
    nullif(n.value -> 'when', 'null'),
    coalesce(n.value ->> 'when_unmet', 'skip'),
    coalesce(n.value ->> 'on_failure', 'fail'),
    case n.value ->> 'kind'
      when 'sleep' then jsonb_strip_nulls(
        jsonb_build_object('seconds', n.value -> 'seconds', 'until', n.value -> 'until')
      )
    end,
    n.value ->> 'flow',
    n.value ->> 'flow_step'
  from jsonb_array_elements(p_flow -> 'steps') with ordinality as n
  join pgflow.contracts as c
    on c.flow_slug = v_slug
    and c.step_slug = n.value ->> 'slug'
    and c.digest = n.value ->> 'digest'
  on conflict (flow_slug, version, step_slug) do update
    set step_index = excluded.step_index,
      description = excluded.description,
      result_schema = excluded.result_schema
    where (s.step_index, s.description, s.result_schema)
      is distinct from (excluded.step_index, excluded.description, excluded.result_schema);
  v_changed := found;

  insert into pgflow.deps (flow_slug, version, from_step_slug, to_step_slug)
  select v_slug, p_version, d.value, n.value ->> 'slug'
  from jsonb_array_elements(p_flow -> 'steps') as n
  cross join lateral jsonb_array_elements_text(coalesce(n.value -> 'deps', '[]')) as d
  on conflict do nothing;

  perform pgflow._mark_plain_steps(v_slug);
  return v_changed;
end;
$$;

-- _raise_manifest_invalid: say where in the manifest what is wrong.
-- Called by: _check_manifest, _check_flow_step, _check_waiting, _check_flow, _check_step, _check_graph,
--            _check_options, _check_slug,
--            _check_digest, _check_source, _check_map, _check_rules, _check_condition, _check_operand,
--            _check_failure_handler, _check_nulls.
-- Locks:     none.
-- Raises:    the given code.
-- Returns:   never.
create or replace function pgflow._raise_manifest_invalid(
  p_code text, p_at text, p_message text, p_details jsonb default '{}'
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = p_code,
    message = format('%s: %s', case p_at when '' then '/' else p_at end, p_message),
    detail = (jsonb_build_object('at', p_at) || p_details)::text,
    hint = 'write the manifest anew with `pgflow compile`, or correct it at this JSON pointer';
end;
$$;

-- _task_schema: the schema of what one task of a step returns: of a map step, one item of its result.
-- Called by: _put_schemas, _put_contracts, _check_same_schemas, _check_nulls.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the result schema; of a map, what stands under its `items`, with the definitions of the whole.
create or replace function pgflow._task_schema(p_step jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when coalesce(p_step -> 'over', 'null') <> 'null' then
      (s.whole -> 'items')
      || case when s.whole ? '$schema' then jsonb_build_object('$schema', s.whole -> '$schema') else '{}' end
      || case
        when s.whole ? '$defs' then jsonb_build_object(
          '$defs', coalesce(s.whole #> '{items,$defs}', '{}') || (s.whole -> '$defs')
        )
        else '{}'
      end
    else s.whole
  end
  from (select p_step -> 'result_schema' as whole) as s;
$$;

-- deploy: put the flows of a manifest into the database, all of them or none.
-- A flow whose digest is new gets a new version; runs that exist stay on theirs. With a known
-- digest only options and descriptions change, in place. Flows that the manifest does not name are
-- left alone.
-- Called by: `pgflow deploy`, workers started with --deploy, any language.
-- Locks:     an advisory lock, so that two deployments do not mix; then the flows.
-- Raises:    PF201 slug; PF203 option; PF204 cycle; PF205 unknown dep; PF206 not a manifest;
--            PF207 format version; PF211 a schema is refused; PF304 same digest, other
--            graph or other schemas.
-- Returns:   per flow its version and what happened: 'created', 'new_version', 'restored' (an older
--            version is current again), 'options_changed', 'unchanged'.
create or replace function pgflow.deploy(p_manifest jsonb)
returns table (flow_slug text, version integer, outcome text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow jsonb;
  v_index integer;
begin
  perform pgflow._check_manifest(p_manifest);
  perform pg_advisory_xact_lock(hashtextextended('pgflow.deploy', 0));
  for v_flow, v_index in
    select f.value, f.ordinality - 1
    from jsonb_array_elements(p_manifest -> 'flows') with ordinality as f
    order by f.value ->> 'slug'
  loop
    perform pgflow._check_flow(v_flow, format('/flows/%s', v_index));
    flow_slug := v_flow ->> 'slug';
    perform pgflow._put_schemas(v_flow, format('/flows/%s', v_index));
    perform pgflow._check_nulls(v_flow, format('/flows/%s', v_index));
    select p.version, p.outcome into version, outcome from pgflow._put_flow(v_flow) as p;
    return next;
  end loop;
end;
$$;

-- deployed_manifest: the flows as they were deployed last, to compare with what is to come.
-- Called by: the CLI, for a dry run; users.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   a manifest with the current version of each flow, or of those that are named and exist.
create or replace function pgflow.deployed_manifest(p_flow_slugs text [] default null) returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'format_version', 1,
    'flows', coalesce(jsonb_agg(v.definition order by v.flow_slug collate "C"), '[]')
  )
  from pgflow.flows as f
  join pgflow.flow_versions as v on v.flow_slug = f.flow_slug and v.version = f.current_version
  where p_flow_slugs is null or f.flow_slug = any (p_flow_slugs);
$$;

-- _explain_deps: the steps of a run that wait for other steps.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for each: reason `waits_for_steps`.
create or replace function pgflow._explain_deps(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    d.to_step_slug,
    null::integer,
    'waits_for_steps',
    'waits for ' || string_agg(d.from_step_slug, ', ' order by s.step_index),
    jsonb_build_object('steps', jsonb_agg(d.from_step_slug order by s.step_index))
  from pgflow.deps as d
  join pgflow.steps as s
    on s.flow_slug = d.flow_slug and s.version = d.version and s.step_slug = d.from_step_slug
  where d.flow_slug = p_flow_slug
    and d.version = p_version
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_run_id and ss.step_slug = d.to_step_slug
    )
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_run_id and ss.step_slug = d.from_step_slug
        and ss.status in ('completed', 'skipped')
    )
  group by d.to_step_slug;
$$;

-- _explain_leases: the tasks of a run that a worker holds.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `leased`; `lease_overdue` when the lease is over or the worker silent, so that the
--            next sweep queues the task again. Ten tasks of a step at most.
create or replace function pgflow._explain_leases(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    n.step_slug,
    n.task_index,
    n.reason,
    case n.reason
      when 'leased' then format(
        'attempt %s is with worker %L until %s', n.attempt, n.worker, pgflow._told_time(n.leased_until)
      )
      else format(
        'attempt %s was with worker %L, which has gone silent; its lease ends at %s, and any worker that '
        'sweeps queues the task again', n.attempt, n.worker, pgflow._told_time(n.leased_until)
      )
    end,
    jsonb_build_object(
      'worker', n.worker, 'worker_id', n.worker_id, 'attempt', n.attempt,
      'claimed_at', n.claimed_at, 'leased_until', n.leased_until, 'tasks_count', n.tasks_count
    )
  from (
    select
      h.*,
      count(*) over (partition by h.step_slug, h.reason) as tasks_count,
      row_number() over (partition by h.step_slug, h.reason order by h.task_index) as position
    from (
      select
        l.*,
        w.name as worker,
        case
          when l.leased_until < pgflow._now()
            or w.status <> 'running'
            or pgflow._is_silent(w.last_beat_at, w.beat_seconds) then 'lease_overdue'
          else 'leased'
        end as reason
      from pgflow.leases as l
      left join pgflow.workers as w on w.worker_id = l.worker_id
      where l.run_id = p_run_id
    ) as h
  ) as n
  where n.position <= 10;
$$;

-- _explain_skips: the steps of a run that will not run, because they were skipped.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `condition_unmet` with the parts that did not hold and their values, `handler_failed` with
--            the error, `dependency_skipped` with the steps.
create or replace function pgflow._explain_skips(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.step_slug,
    null::integer,
    ss.skip_reason,
    'skipped: ' || case ss.skip_reason
      when 'condition_unmet' then u.error ->> 'message'
      when 'handler_failed' then 'it failed: ' || coalesce(ss.error ->> 'message', '')
      else 'a step that it waits for was skipped'
    end,
    jsonb_strip_nulls(jsonb_build_object('unmet', u.error -> 'unmet', 'error', ss.error))
  from pgflow.step_states as ss
  join pgflow.steps as s
    on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = ss.step_slug
  cross join lateral (
    select case
      when ss.skip_reason = 'condition_unmet' then pgflow._unmet_error(s.step_slug, s.condition, p_run_id)
    end as error
  ) as u
  where ss.run_id = p_run_id
    and ss.status = 'skipped';
$$;

-- _explain_sub_runs: how far the maps of sub-flows of a run are, and which sub-runs they wait for.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row with the reason `waits_for_runs` for each map; then `waits_for_run` for each sub-run that is
--            open, ten of a step at most: explain these for more.
create or replace function pgflow._explain_sub_runs(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with map as materialized (
    select m.step_slug, s.sub_flow_slug, p.tasks
    from pgflow.maps as m
    join pgflow.step_states as ss
      on ss.run_id = m.run_id and ss.step_slug = m.step_slug and ss.status = 'started'
    join pgflow.steps as s
      on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = m.step_slug
    cross join lateral pgflow._sub_flow_progress(p_run_id, m.step_slug, 'started') as p
    where m.run_id = p_run_id
      and m.begun_count is not null
  )
  select
    m.step_slug, null::integer, 'waits_for_runs',
    format(
      'waits for runs of flow %s: %s of %s items have completed%s, %s runs are open, %s are to begin',
      m.sub_flow_slug, m.tasks ->> 'completed', m.tasks ->> 'total',
      case when m.tasks ->> 'skipped' <> '0' then format(' and %s were skipped', m.tasks ->> 'skipped') else '' end,
      m.tasks ->> 'running', m.tasks ->> 'waiting'
    ),
    jsonb_build_object('flow_slug', m.sub_flow_slug, 'tasks', m.tasks)
  from map as m
  union all
  select
    m.step_slug, o.task_index, 'waits_for_run',
    format('waits for run %s of flow %s', o.sub_run_id, m.sub_flow_slug),
    jsonb_build_object('run_id', o.sub_run_id, 'flow_slug', m.sub_flow_slug, 'tasks_count', m.tasks -> 'running')
  from map as m
  cross join lateral (
    select x.task_index, x.sub_run_id
    from pgflow.sub_runs as x
    where x.run_id = p_run_id and x.step_slug = m.step_slug and x.is_open
    order by x.task_index
    limit 10
  ) as o;
$$;

-- _explain_tasks: the tasks of a run that wait in the queue.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `retry_at` after an attempt that failed, `delayed_until` without one, `no_worker` when
--            no living worker has the handler, else `waits_for_worker`. Ten tasks of a step at most.
create or replace function pgflow._explain_tasks(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with waiting as materialized (
    select t.*, a.error
    from pgflow.tasks as t
    left join lateral (
      select l.error
      from pgflow.attempt_log as l
      where l.run_id = t.run_id
        and l.step_slug = t.step_slug
        and l.task_index = t.task_index
        and t.attempts_count > 0
      order by l.ended_at desc, l.attempt desc
      limit 1
    ) as a on true
    where t.run_id = p_run_id
  ),
  contract as materialized (
    select
      c.contract_id, c.max_attempts, c.digest, pgflow._is_served(c.contract_id) as is_served,
      (
        select count(*)
        from pgflow.contracts as o
        where o.flow_slug = c.flow_slug
          and o.step_slug = c.step_slug
          and o.contract_id <> c.contract_id
          and pgflow._is_served(o.contract_id)
      ) as others_served_count
    from pgflow.contracts as c
    where c.contract_id in (select w.contract_id from waiting as w)
  ),
  explained as (
    select
      w.*, c.max_attempts, c.digest, c.others_served_count, r.reason,
      count(*) over (partition by w.step_slug, r.reason) as tasks_count,
      row_number() over (partition by w.step_slug, r.reason order by w.available_at, w.task_index) as position
    from waiting as w
    join contract as c on c.contract_id = w.contract_id
    cross join lateral (
      select case
        when not c.is_served then 'no_worker'
        when w.available_at <= pgflow._now() then 'waits_for_worker'
        when w.attempts_count > 0 then 'retry_at'
        else 'delayed_until'
      end as reason
    ) as r
  )
  select
    e.step_slug,
    e.task_index,
    e.reason,
    case e.reason
      when 'no_worker' then 'no living worker has this handler' || case
        when e.others_served_count > 0 then
          '; those that live have one for another version of the step: start a worker with the flows of '
          'this version, or move the run with `pgflow runs upgrade`'
        else '; start a worker that has the flow'
      end
      when 'waits_for_worker' then format(
        'has been waiting since %s for a worker that is free', pgflow._told_time(e.available_at)
      )
      when 'retry_at' then format(
        'attempt %s of %s begins at %s; the last one failed: %s',
        e.attempts_count + 1, e.max_attempts, pgflow._told_time(e.available_at),
        coalesce(e.error ->> 'message', 'no error was reported')
      )
      else format('delayed until %s', pgflow._told_time(e.available_at))
    end,
    jsonb_strip_nulls(jsonb_build_object(
      'available_at', e.available_at, 'attempts_count', e.attempts_count,
      'max_attempts', e.max_attempts, 'error', e.error, 'digest', e.digest,
      'tasks_count', e.tasks_count
    ))
  from explained as e
  where e.position <= 10;
$$;

-- _explain_waits: the steps of a run that wait without a task, and the run itself when it has not begun.
-- Called by: explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   reason `waits_for_signal`, `sleeps_until`, `waits_for_run`; `starts_at` for each root step of a
--            run that begins later.
create or replace function pgflow._explain_waits(p_run_id uuid, p_flow_slug text, p_version integer)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    s.step_slug,
    null::integer,
    case s.kind when 'signal' then 'waits_for_signal' when 'sleep' then 'sleeps_until' else 'waits_for_run' end,
    case s.kind
      when 'signal' then 'waits for the signal' || coalesce(', until ' || pgflow._told_time(t.due_at), '')
      when 'sleep' then 'sleeps until ' || pgflow._told_time(t.due_at)
      else format('waits for run %s of flow %s', x.sub_run_id, s.sub_flow_slug)
    end,
    jsonb_strip_nulls(jsonb_build_object('until', t.due_at, 'run_id', x.sub_run_id, 'flow_slug', s.sub_flow_slug))
  from pgflow.step_states as ss
  join pgflow.steps as s
    on s.flow_slug = p_flow_slug and s.version = p_version and s.step_slug = ss.step_slug
  left join pgflow.timers as t
    on t.run_id = p_run_id and t.step_slug = ss.step_slug and t.kind = s.kind
  left join pgflow.sub_runs as x on x.run_id = p_run_id and x.step_slug = ss.step_slug and x.task_index = 0
  where ss.run_id = p_run_id
    and ss.status = 'started'
    and s.kind in ('signal', 'sleep', 'flow')
    -- maps of sub-flows are of _explain_sub_runs
    and not exists (
      select 1 from pgflow.maps as m where m.run_id = p_run_id and m.step_slug = ss.step_slug
    )
  union all
  select
    s.step_slug, null, 'starts_at', 'the run begins at ' || pgflow._told_time(t.due_at),
    jsonb_build_object('at', t.due_at)
  from pgflow.timers as t
  join pgflow.steps as s on s.flow_slug = p_flow_slug and s.version = p_version and s.is_root
  where t.run_id = p_run_id
    and t.kind = 'start';
$$;

-- _told_time: a time for messages, whatever the time zone of the session.
-- Called by: _explain_leases, _explain_waits, _explain_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time in UTC, to the second.
create or replace function pgflow._told_time(p_at timestamptz) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select to_char(p_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"');
$$;

-- explain_run: for each step of a run that has not ended, why it does not run, or who runs it; and why a step
-- was skipped.
-- Each kind of reason is a function of its own, and a branch here. Of a map step at most ten items are
-- named for each reason; `tasks_count` in the detail says how many there are.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF102 unknown run, or not the caller's.
-- Returns:   a row for each step and reason, in topological order: the index of the task (of map steps
--            only), reason, message and detail. Nothing for a run that has ended.
create or replace function pgflow.explain_run(p_run_id uuid)
returns table (step_slug text, task_index integer, reason text, message text, detail jsonb)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run record;
begin
  select r.run_id, r.flow_slug, r.version, r.owner, r.status into v_run
  from pgflow.runs as r
  where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_run.status <> 'started' then
    return;
  end if;

  return query
  select
    s.step_slug, case when s.kind in ('map', 'flow') then e.task_index end, e.reason, e.message, e.detail
  from (
    select * from pgflow._explain_deps(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_leases(p_run_id)
    union all
    select * from pgflow._explain_tasks(p_run_id)
    union all
    select * from pgflow._explain_waits(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_sub_runs(p_run_id, v_run.flow_slug, v_run.version)
    union all
    select * from pgflow._explain_skips(p_run_id, v_run.flow_slug, v_run.version)
  ) as e (step_slug, task_index, reason, message, detail)
  join pgflow.steps as s
    on s.flow_slug = v_run.flow_slug and s.version = v_run.version and s.step_slug = e.step_slug
  order by s.step_index, e.task_index nulls first, e.reason;
end;
$$;

-- _expire_leases: end the leases that are overdue or whose worker is dead; the attempt counts.
-- Only what is in flight is in `leases`, so a plain scan of it is cheap.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then step states, then tasks and leases.
-- Raises:    nothing.
-- Returns:   how many expired.
create or replace function pgflow._expire_leases(p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
  v_count integer;
begin
  -- Candidates first, without a lock; then their runs, as the lock order wants; then again only
  -- those that are still overdue, for some may have been extended or reported meanwhile. A run that
  -- somebody holds locked is left to a later sweep: it must not keep the others from their end.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (array(select o.run_id from pgflow._overdue_leases() as o))
    order by r.run_id
    for no key update skip locked
    limit p_limit
  );
  if cardinality(v_run_ids) = 0 then
    return 0;
  end if;

  select count(e.lease_id) into v_count
  from (
    select
      array_agg(o.run_id) as run_ids,
      array_agg(o.step_slug) as step_slugs,
      array_agg(o.task_index) as task_indexes,
      array_agg(o.lease_id) as lease_ids,
      array_agg(
        jsonb_build_object(
          'code', 'PF604',
          'type', 'LeaseExpiredError',
          'message', format('worker %s stopped extending its lease', coalesce(o.worker_name, o.worker_id::text))
        )
      ) as errors,
      array_agg(true) as retryable,
      -- At once: a dead worker says nothing against the task.
      array_agg(0::double precision) as retry_after_seconds
    from pgflow._overdue_leases() as o
    where o.run_id = any (v_run_ids)
  ) as b
  cross join lateral pgflow._end_attempts(
    b.run_ids, b.step_slugs, b.task_indexes, b.lease_ids, 'expired',
    b.errors, b.retryable, b.retry_after_seconds
  ) as e
  where b.run_ids is not null;
  return v_count;
end;
$$;

-- _overdue_leases: leases that ended without a report, and all leases of dead or silent workers.
-- Called by: _expire_leases.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the key of each, and whose it was.
create or replace function pgflow._overdue_leases()
returns table (
  run_id uuid, step_slug text, task_index integer, lease_id uuid, worker_id uuid, worker_name text
)
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select l.run_id, l.step_slug, l.task_index, l.lease_id, l.worker_id, w.name
  from pgflow.leases as l
  left join pgflow.workers as w on w.worker_id = l.worker_id
  where l.leased_until < pgflow._now()
    or w.status = 'dead'
    or (w.status = 'running' and pgflow._is_silent(w.last_beat_at, w.beat_seconds))
  order by l.leased_until;
$$;

-- _release_leases: give back what stopped workers still hold; the attempts do not count.
-- stop_worker does it itself, but for a claim of its worker that was under way: to wait for that one could
-- be a deadlock, since whoever claims may hold runs.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then tasks and leases.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._release_leases(p_limit integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
begin
  -- As in _expire_leases: candidates, then their runs, then again what is still held.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (
      array(
        select l.run_id
        from pgflow.leases as l
        join pgflow.workers as w on w.worker_id = l.worker_id
        where w.status = 'stopped'
      )
    )
    order by r.run_id
    for no key update skip locked
    limit p_limit
  );
  perform pgflow.release_tasks(
    array_agg(l.run_id), array_agg(l.step_slug), array_agg(l.task_index), array_agg(l.lease_id)
  )
  from pgflow.leases as l
  join pgflow.workers as w on w.worker_id = l.worker_id
  where w.status = 'stopped'
    and l.run_id = any (v_run_ids)
  having count(*) > 0;
end;
$$;

-- status: what there is to do, who does it, and what nobody can do.
-- Called by: the CLI, monitoring.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   schema_version; flows with waiting and leased tasks; workers of the last hour; and
--            'unserved': for each flow, version and step whose tasks wait though no living worker has
--            the handler, how many runs that are, and since when the oldest of them has been running.
create or replace function pgflow.status() returns jsonb
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with waiting as (
    select t.contract_id, count(*) as tasks
    from pgflow.tasks as t
    group by t.contract_id
  ),
  leased as (
    select l.contract_id, l.worker_id, count(*) as tasks
    from pgflow.leases as l
    group by l.contract_id, l.worker_id
  ),
  per_flow as (
    select
      f.flow_slug, f.current_version,
      coalesce((
        select sum(w.tasks)
        from waiting as w join pgflow.contracts as c using (contract_id)
        where c.flow_slug = f.flow_slug
      ), 0) as waiting,
      coalesce((
        select sum(l.tasks)
        from leased as l join pgflow.contracts as c using (contract_id)
        where c.flow_slug = f.flow_slug
      ), 0) as leased
    from pgflow.flows as f
  )
  select jsonb_build_object(
    'schema_version', pgflow.schema_version(),
    'flows', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'slug', p.flow_slug, 'version', p.current_version,
          'waiting', p.waiting, 'leased', p.leased
        )
        order by p.flow_slug
      )
      from per_flow as p
    ), '[]'),
    'workers', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'worker_id', w.worker_id, 'name', w.name, 'status', w.status,
          'last_beat_at', w.last_beat_at,
          'leased', coalesce((select sum(l.tasks) from leased as l where l.worker_id = w.worker_id), 0)
        )
        order by w.status, w.name
      )
      from pgflow.workers as w
      where w.status = 'running'
        or w.last_beat_at > pgflow._now() - interval '1 hour'
    ), '[]'),
    'unserved', coalesce((
      select jsonb_agg(
        jsonb_build_object(
          'flow_slug', u.flow_slug, 'version', u.version, 'step_slug', u.step_slug,
          'runs', u.runs, 'oldest_started_at', u.oldest_started_at
        )
        order by u.flow_slug, u.version, u.step_slug
      )
      from (
        select
          r.flow_slug, r.version, t.step_slug,
          count(distinct t.run_id) as runs, min(r.started_at) as oldest_started_at
        from waiting as q
        join pgflow.tasks as t on t.contract_id = q.contract_id
        join pgflow.runs as r on r.run_id = t.run_id
        where not pgflow._is_served(q.contract_id)
        group by r.flow_slug, r.version, t.step_slug
      ) as u
    ), '[]')
  );
$$;

-- sweep: fire what is due, expire overdue leases, declare silent workers dead, forget old watches.
-- Called by: every worker, every few seconds; pg_cron where there is one. One at a time: whoever
--            finds another one at it returns at once.
-- Locks:     runs by id, skipping those that others hold, then step states, then tasks and leases,
--            then the rows of the workers.
-- Raises:    PF503 isolation level.
-- Returns:   how many leases expired, how many workers were declared dead, how many timers fired, and in
--            how many seconds the next timer is due, null when there is none: sweep again then.
create or replace function pgflow.sweep(p_limit integer default 1000)  -- of how many runs
returns table (
  expired integer, dead_workers integer, fired integer, next_timer_seconds double precision
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
begin
  perform pgflow._require_read_committed();
  expired := 0;
  dead_workers := 0;
  fired := 0;
  next_timer_seconds := (
    select greatest(extract(epoch from min(t.due_at) - v_now), 0) from pgflow.timers as t
  );
  if not pg_try_advisory_xact_lock(hashtextextended('pgflow.sweep', 0)) then
    return next;
    return;
  end if;

  if next_timer_seconds = 0 then
    fired := pgflow._fire_timers(p_limit);
    next_timer_seconds := (
      select greatest(extract(epoch from min(t.due_at) - v_now), 0) from pgflow.timers as t
    );
  end if;
  perform pgflow._release_leases(p_limit);
  expired := pgflow._expire_leases(p_limit);

  -- Last: claim_tasks and stop_worker touch the row of a worker while they hold runs or tasks.
  update pgflow.workers as w
  set status = 'dead', idle = false, ended_at = v_now
  where w.status = 'running'
    and pgflow._is_silent(w.last_beat_at, w.beat_seconds);
  get diagnostics dead_workers = row_count;

  delete from pgflow.watches as w where w.watched_until < v_now;
  return next;
end;
$$;

-- _complete_items: keep the results of tasks of map steps, and complete the steps whose last these were.
-- The caller holds the locks of the runs and ended the leases in an earlier statement. A task is open as
-- long as it waits or is leased. Of each map one is noted above which none is open, in maps.open_index: as
-- long as that one is, the step is not complete, and two lookups tell it. Nothing is counted.
-- Called by: _complete_batch, _give_up.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have completed, or were skipped because their list cannot be.
create or replace function pgflow._complete_items(p_results pgflow.map_results [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  insert into pgflow.map_results (run_id, step_slug, task_index, result)
  select n.run_id, n.step_slug, n.task_index, n.result
  from unnest(p_results) as n;

  with moved as (
    update pgflow.maps as m
    set open_index = pgflow._open_index(m.run_id, m.step_slug, m.open_index)
    from (select distinct n.run_id, n.step_slug from unnest(p_results) as n) as r
    where m.run_id = r.run_id
      and m.step_slug = r.step_slug
      and not exists (
        select 1
        from pgflow.tasks as t
        where t.run_id = m.run_id and t.step_slug = m.step_slug and t.task_index = m.open_index
        offset 0
      )
      and not exists (
        select 1
        from pgflow.leases as l
        where l.run_id = m.run_id and l.step_slug = m.step_slug and l.task_index = m.open_index
        offset 0
      )
    returning m.run_id, m.step_slug, m.open_index
  )
  select array_agg(m.run_id), array_agg(m.step_slug) into v_run_ids, v_step_slugs
  from moved as m
  where m.open_index < 0;

  perform pgflow._notify_watchers(array_agg(distinct n.run_id)) from unnest(p_results) as n;
  if v_run_ids is not null then
    return query
    select g.run_id, g.step_slug from pgflow._gather_results(v_run_ids, v_step_slugs) as g;
  end if;
end;
$$;

-- _drop_items: forget items and results of the map steps of runs that end early, but not how many there were.
-- Called by: _end_runs. The caller holds the locks of the runs.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._drop_items(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  with dropped as (
    delete from pgflow.map_results as r
    where r.run_id = any (p_run_ids)
    returning r.run_id, r.step_slug
  )
  update pgflow.maps as m
  set completed_count = d.completed_count - m.skipped_count
  from (
    select d.run_id, d.step_slug, count(*) as completed_count
    from dropped as d
    group by d.run_id, d.step_slug
  ) as d
  where m.run_id = d.run_id
    and m.step_slug = d.step_slug;

  delete from pgflow.map_items as i
  where i.run_id = any (p_run_ids);

  update pgflow.maps as m
  set shared_args = null
  where m.run_id = any (p_run_ids)
    and m.shared_args is not null;
end;
$$;

-- _end_map_steps: nothing of map steps that are skipped while they are at work stays queued, leased or kept, and
-- no sub-run goes on.
-- Called by: _fail_steps. The caller holds the locks of the runs.
-- Locks:     tasks, leases of the steps.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_map_steps(p_run_ids uuid [], p_step_slugs text []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
begin
  -- Before the leases, as in _end_runs: a claim that is under way moves a row from here to there.
  delete from pgflow.tasks as t
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where t.run_id = n.run_id and t.step_slug = n.step_slug;

  with ended as (
    delete from pgflow.leases as l
    using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where l.run_id = n.run_id and l.step_slug = n.step_slug
    returning l.*
  )
  insert into pgflow.attempt_log (
    run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
  )
  select
    e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
    'cancelled', e.claimed_at, v_now
  from ended as e;

  with dropped as (
    delete from pgflow.map_results as r
    using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where r.run_id = n.run_id and r.step_slug = n.step_slug
    returning r.run_id, r.step_slug
  )
  update pgflow.maps as m
  set completed_count = coalesce(d.completed_count, 0), shared_args = null
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  left join (
    select d.run_id, d.step_slug, count(*) as completed_count
    from dropped as d
    group by d.run_id, d.step_slug
  ) as d on d.run_id = n.run_id and d.step_slug = n.step_slug
  where m.run_id = n.run_id
    and m.step_slug = n.step_slug;

  delete from pgflow.map_items as i
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where i.run_id = n.run_id and i.step_slug = n.step_slug;

  perform pgflow._tell_sub_runs(p_run_ids, p_step_slugs);
end;
$$;

-- _gather_results: complete map steps with the list of the results of their tasks or sub-runs.
-- Called by: _complete_items, _gather_results, _advance_sub_flow_maps. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have completed, or were skipped: one whose list is more than a jsonb can hold
--            fails, as its policy says.
create or replace function pgflow._gather_results(p_run_ids uuid [], p_step_slugs text [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
begin
  begin
    update pgflow.step_states as s
    set
      status = 'completed',
      ended_at = v_now,
      step_result = (
        select jsonb_agg(r.result order by r.task_index)
        from pgflow.map_results as r
        where r.run_id = s.run_id and r.step_slug = s.step_slug
      )
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where s.run_id = n.run_id
      and s.step_slug = n.step_slug
      and s.status = 'started';
  exception
    when program_limit_exceeded then
      if cardinality(p_run_ids) > 1 then
        return query
        select g.run_id, g.step_slug
        from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
        cross join lateral pgflow._gather_results(array[n.run_id], array[n.step_slug]) as g;
      else
        return query
        select f.run_id, f.step_slug
        from pgflow._fail_steps(p_run_ids, p_step_slugs, array[jsonb_build_object(
          'code', 'PF607',
          'type', 'ResultTooLargeError',
          'message', 'the results of all items make a list that is larger than a jsonb can be: ' || sqlerrm
        )]) as f;
      end if;
      return;
  end;

  delete from pgflow.map_results as r
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where r.run_id = n.run_id and r.step_slug = n.step_slug;

  delete from pgflow.map_items as i
  using unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where i.run_id = n.run_id and i.step_slug = n.step_slug;

  update pgflow.maps as m
  set completed_count = m.tasks_count - m.skipped_count, shared_args = null
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
  where m.run_id = n.run_id and m.step_slug = n.step_slug;

  return query
  select n.run_id, n.step_slug
  from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug);
end;
$$;

-- _map_progress: how far a map step is; a map of sub-flows is of _sub_flow_progress.
-- A task that neither waits, is leased nor was skipped has completed, so of a step at work only those are read, and
-- of one that has ended none.
-- Called by: get_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for a map step that has begun: tasks by state; the attempts of the task that has
--            needed most of those that wait or run; the last error and the time of the task that is
--            tried again first.
create or replace function pgflow._map_progress(p_run_id uuid, p_step_slug text, p_status text)
returns table (tasks jsonb, attempts integer, error jsonb, retry_at timestamptz)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    jsonb_build_object(
      'total', m.tasks_count,
      'completed', case
        when p_status = 'started' then m.tasks_count - w.waiting - l.running - m.skipped_count else m.completed_count
      end,
      'skipped', m.skipped_count,
      'running', l.running,
      'waiting', w.waiting
    ),
    greatest(w.attempts, l.attempts, 0),
    case when f.task_index is not null then e.error || jsonb_build_object('task_index', f.task_index) end,
    f.available_at
  from pgflow.maps as m
  cross join lateral (
    select count(*) as waiting, max(t.attempts_count) as attempts
    from pgflow.tasks as t
    where t.run_id = m.run_id and t.step_slug = m.step_slug and p_status = 'started'
  ) as w
  cross join lateral (
    select count(*) as running, max(l.attempt) as attempts
    from pgflow.leases as l
    where l.run_id = m.run_id and l.step_slug = m.step_slug and p_status = 'started'
  ) as l
  left join lateral (
    select t.task_index, t.available_at
    from pgflow.tasks as t
    where t.run_id = m.run_id and t.step_slug = m.step_slug and t.attempts_count > 0 and w.attempts > 0
    order by t.available_at, t.task_index
    limit 1
  ) as f on true
  left join lateral (
    select a.error
    from pgflow.attempt_log as a
    where a.run_id = m.run_id and a.step_slug = m.step_slug and a.task_index = f.task_index
    order by a.ended_at desc, a.attempt desc
    limit 1
  ) as e on true
  where m.run_id = p_run_id
    and m.step_slug = p_step_slug;
$$;

-- _map_source: what a map step of a run goes over.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the list, or whatever stands there instead of one; null for nothing.
create or replace function pgflow._map_source(p_run_id uuid, p_contract_id integer) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    case c.over_source
      when 'payload' then (select r.payload from pgflow.runs as r where r.run_id = p_run_id)
      else (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = p_run_id and s.step_slug = c.over_step_slug
      )
    end #> c.over_path
  from pgflow.contracts as c
  where c.contract_id = p_contract_id;
$$;

-- _no_list_error: the error of a map step whose list is none.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error, with the code PF609.
create or replace function pgflow._no_list_error(p_contract_id integer, p_found jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'code', 'PF609',
    'type', 'NotAListError',
    'message', format(
      'step %L goes over %s%s, where there is %s and not a list',
      c.step_slug,
      case c.over_source when 'payload' then 'the payload' else format('the result of step %L', c.over_step_slug) end,
      (select string_agg(pgflow._pointer('', k.key), '' order by k.ordinality)
        from unnest(c.over_path) with ordinality as k (key)),
      coalesce(jsonb_typeof(p_found), 'nothing')
    )
  )
  from pgflow.contracts as c
  where c.contract_id = p_contract_id;
$$;

-- _open_index: the highest task of a map step, up to a given one, that is open: waits or is leased.
-- It goes down in strides, and never up again: what lies above has completed for good. So all calls of
-- one map pass each of its dead rows once, or a stride of them at most. A search for any open task would
-- pass all that were claimed before, with each report.
-- `stable`: both tables are read as they are at one moment, for a claim under way moves a row from
-- the one to the other.
-- Called by: _complete_items.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   its index, or -1.
create or replace function pgflow._open_index(
  p_run_id uuid, p_step_slug text, p_from integer
) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stride constant integer := 1000;
  v_high integer := p_from;
  v_found integer;
begin
  while v_high >= 0 loop
    select greatest(
      (
        select t.task_index
        from pgflow.tasks as t
        where t.run_id = p_run_id
          and t.step_slug = p_step_slug
          and t.task_index between v_high - v_stride + 1 and v_high
        order by t.task_index desc
        limit 1
      ),
      (
        select l.task_index
        from pgflow.leases as l
        where l.run_id = p_run_id
          and l.step_slug = p_step_slug
          and l.task_index between v_high - v_stride + 1 and v_high
        order by l.task_index desc
        limit 1
      )
    ) into v_found;
    if v_found is not null then
      return v_found;
    end if;
    v_high := v_high - v_stride;
  end loop;
  return -1;
end;
$$;

-- _repeated_items: which reports of a batch repeat an accepted result of a task of a map step.
-- The whole list is read once for all reports of one step.
-- Called by: _outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   their ordinals, or null.
create or replace function pgflow._repeated_items(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns integer []
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with asked as materialized (
      select n.run_id, n.step_slug, n.task_index, n.result, n.ordinal
      from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
        with ordinality as n (run_id, step_slug, task_index, lease_id, result, ordinal)
      cross join lateral (
        select 1 from pgflow.maps as m where m.run_id = n.run_id and m.step_slug = n.step_slug offset 0
      ) as m
      cross join lateral (
        select 1
        from pgflow.attempt_log as a
        where a.run_id = n.run_id
          and a.step_slug = n.step_slug
          and a.task_index = n.task_index
          and a.lease_id = n.lease_id
          and a.outcome = 'completed'
        offset 0
      ) as a
    ),
    gathered as materialized (
      -- `||` makes a value in memory of what would be read from TOAST again for each report
      select d.run_id, d.step_slug, s.step_result || '[]' as list
      from (select distinct a.run_id, a.step_slug from asked as a) as d
      cross join lateral (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = d.run_id and s.step_slug = d.step_slug and s.status = 'completed'
        offset 0
      ) as s
    )
    select array_agg(a.ordinal::integer)
    from asked as a
    left join gathered as g on g.run_id = a.run_id and g.step_slug = a.step_slug
    where a.result = coalesce(
      g.list -> a.task_index,
      (
        select r.result
        from pgflow.map_results as r
        where r.run_id = a.run_id and r.step_slug = a.step_slug and r.task_index = a.task_index
      )
    )
  );
end;
$$;

-- _shared_args: the arguments of a map step that are the same for every item.
-- Called by: _start_map_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   them by parameter.
create or replace function pgflow._shared_args(p_run_id uuid, p_contract_id integer) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_object_agg(
      i.parameter,
      case i.source
        when 'payload' then (select r.payload from pgflow.runs as r where r.run_id = p_run_id)
        else (
          select s.step_result
          from pgflow.step_states as s
          where s.run_id = p_run_id and s.step_slug = i.from_step_slug
        )
      end #> i.path
    ),
    '{}'
  )
  from pgflow.step_inputs as i
  where i.contract_id = p_contract_id
    and i.source <> 'each';
$$;

-- _start_map_wave: start map steps: write their items and queue a task for each. Those of a map of sub-flows
-- begin by a timer (_advance_sub_flow_maps): were it here, a flow that maps a flow that maps one would be a
-- transaction of all their runs.
-- One over an empty list completes at once, one over no list fails, and with it the run, or is skipped.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have ended, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_map_wave(
  p_maps pgflow.ready_step [], p_worker_id uuid
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_queued_contract_ids integer[];
  v_has_sub_flows boolean;
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
begin
  with opened as materialized (
    select
      n.run_id, n.step_slug, n.contract_id, n.kind, o.list,
      v_now + make_interval(secs => c.start_delay_seconds) as available_at,
      case when jsonb_typeof(o.list) = 'array' then jsonb_array_length(o.list) end as tasks_count
    from unnest(p_maps) as n
    join pgflow.contracts as c on c.contract_id = n.contract_id
    cross join lateral (
      select pgflow._map_source(n.run_id, n.contract_id) as list offset 0
    ) as o
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      o.run_id, o.step_slug,
      case o.tasks_count when 0 then 'completed' else 'started' end,
      case o.tasks_count when 0 then '[]'::jsonb end,
      v_now,
      case o.tasks_count when 0 then v_now end
    from opened as o
  ),
  begun as (
    insert into pgflow.maps (run_id, step_slug, tasks_count, open_index, shared_args, begun_count)
    select
      o.run_id, o.step_slug, o.tasks_count,
      case o.kind when 'map' then o.tasks_count - 1 end,
      case when o.kind = 'map' and o.tasks_count > 0 then pgflow._shared_args(o.run_id, o.contract_id) end,
      case o.kind when 'flow' then 0 end
    from opened as o
    where o.tasks_count is not null
  ),
  items as (
    insert into pgflow.map_items (run_id, step_slug, task_index, item)
    select o.run_id, o.step_slug, e.ordinality - 1, e.value
    from opened as o
    cross join lateral jsonb_array_elements(
      case when o.tasks_count > 0 then o.list else '[]' end
    ) with ordinality as e
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, task_index, contract_id, available_at)
    select o.run_id, o.step_slug, n.task_index, o.contract_id, o.available_at
    from opened as o
    cross join lateral generate_series(0, o.tasks_count - 1) as n (task_index)
    where o.kind = 'map'
  ),
  told as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
    select o.run_id, o.step_slug, 'sub_flow', v_now, -1
    from opened as o
    where o.kind = 'flow' and o.tasks_count > 0
  )
  select
    array_agg(o.run_id) filter (where o.tasks_count = 0),
    array_agg(o.step_slug) filter (where o.tasks_count = 0),
    array_agg(distinct o.contract_id) filter (
      where o.kind = 'map' and o.tasks_count > 0 and o.available_at <= v_now
    ),
    bool_or(o.kind = 'flow' and o.tasks_count > 0),
    array_agg(o.run_id) filter (where o.tasks_count is null),
    array_agg(o.step_slug) filter (where o.tasks_count is null),
    array_agg(pgflow._no_list_error(o.contract_id, o.list)) filter (where o.tasks_count is null)
  into
    v_run_ids, v_step_slugs, v_queued_contract_ids, v_has_sub_flows, v_failed_run_ids, v_failed_step_slugs,
    v_errors
  from opened as o;

  perform pgflow._wake_workers(v_queued_contract_ids, p_worker_id);
  if v_has_sub_flows then
    perform pgflow._announce_timers(v_now);
  end if;
  if v_failed_run_ids is not null then
    select v_run_ids || array_agg(f.run_id), v_step_slugs || array_agg(f.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return query select v_run_ids, v_step_slugs;
end;
$$;

-- _check_payloads: hold payloads against budget and payload schema of their flow.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF202 a payload does not fit or is SQL null; PF210 too large; PF212 a limit was hit.
-- Returns:   nothing.
create or replace function pgflow._check_payloads(
  p_flow_slug text, p_version integer, p_payloads jsonb []
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_schema_id bytea;
  v_max_bytes integer;
  v_predicate jsonpath;
  v_free_bytes integer;
  v_found record;
  v_what text;
  v_detail jsonb;
begin
  select v.payload_schema_id, v.max_payload_bytes, s.predicate, s.residual_free_bytes
  into v_schema_id, v_max_bytes, v_predicate, v_free_bytes
  from pgflow.flow_versions as v
  join pgflow.schemas as s on s.schema_id = v.payload_schema_id
  where v.flow_slug = p_flow_slug
    and v.version = p_version;

  -- Most runs are started alone, with what fits: half the time of the statement below.
  if cardinality(p_payloads) = 1
    and pg_column_size(p_payloads[1]) <= v_max_bytes
    and pg_column_size(p_payloads[1]) <= v_free_bytes
    and p_payloads[1] @? v_predicate
  then
    return;
  end if;

  select n.payload, n.ordinal, n.bytes, k.errors into v_found
  from (
    select u.*, pg_column_size(u.payload) as bytes
    from unnest(p_payloads) with ordinality as u (payload, ordinal)
    offset 0
  ) as n
  cross join lateral (
    -- as in _check_results, what fits at once costs no call
    select case
      when n.bytes > v_max_bytes or n.bytes <= v_free_bytes and n.payload @? v_predicate then null
      else pgflow._check_value(v_schema_id, n.payload)
    end as errors
    offset 0
  ) as k
  where n.payload is null
    or n.bytes > v_max_bytes
    or k.errors is not null
  limit 1;
  if not found then
    return;
  end if;

  v_what := format('the payload of flow %L', p_flow_slug);
  v_detail := jsonb_build_object('flow_slug', p_flow_slug);
  if cardinality(p_payloads) > 1 then
    v_what := format('payload %s of flow %L', v_found.ordinal, p_flow_slug);
    v_detail := v_detail || jsonb_build_object('ordinal', v_found.ordinal);
  end if;
  if v_found.payload is null then
    raise exception using
      errcode = 'PF202',
      message = v_what || ' is SQL null',
      detail = v_detail::text,
      hint = $hint$pass a JSON value; JSON null is 'null'::jsonb$hint$;
  elsif v_found.errors is null then
    raise exception using
      errcode = 'PF210',
      message = format(
        '%s takes %s bytes as jsonb; its budget is %s', v_what, v_found.bytes, v_max_bytes
      ),
      detail = (v_detail || jsonb_build_object(
        'bytes', v_found.bytes, 'max_payload_bytes', v_max_bytes
      ))::text,
      hint = 'send where large things are, or raise the budget: Flow(..., max_payload_bytes=...)';
  elsif v_found.errors @> '[{"keyword": "limit"}]' then
    raise exception using
      errcode = 'PF212',
      message = format('%s could not be validated: %s', v_what, pgflow._told(v_found.errors)),
      detail = (v_detail || jsonb_build_object('errors', v_found.errors))::text,
      hint = 'send less at once, or raise pgflow.validation_deadline_ms';
  end if;
  raise exception using
    errcode = 'PF202',
    message = format('%s does not fit: %s', v_what, pgflow._told(v_found.errors)),
    detail = (v_detail || jsonb_build_object('errors', v_found.errors))::text,
    hint = 'send what the payload type of the flow says';
end;
$$;

-- _check_startable: find the version that a new run of a flow gets, or say why there is none.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF101 unknown flow; PF401 the flow is not marked as startable by clients.
-- Returns:   the current version.
create or replace function pgflow._check_startable(p_flow_slug text) returns integer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow record;
begin
  select f.current_version, f.client_startable into v_flow
  from pgflow.flows as f
  where f.flow_slug = p_flow_slug;
  if not found then
    raise exception using
      errcode = 'PF101',
      message = format('there is no flow %L', p_flow_slug),
      detail = jsonb_build_object('flow_slug', p_flow_slug)::text,
      hint = 'deploy it first: pgflow deploy';
  end if;
  if not (v_flow.client_startable or pgflow._is_admin()) then
    raise exception using
      errcode = 'PF401',
      message = format('flow %L may not be started by clients', p_flow_slug),
      detail = jsonb_build_object('flow_slug', p_flow_slug)::text,
      hint = 'write Flow(..., client_startable=True) and deploy again, or start it as pgflow_admin';
  end if;
  return v_flow.current_version;
end;
$$;

-- _complete_runs: complete every run whose last leaf has just ended.
-- When all leaves have completed or are skipped, every step has ended: each of the others is a dep of one of them.
-- `offset 0`: see _start_ready_steps.
-- Called by: _complete_batch, _move_runs, _give_up, _advance_runs, _start_special_steps. The caller holds
--            the locks of the runs.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._complete_runs(
  p_run_ids uuid [], p_step_slugs text []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run_ids uuid[];
  v_sub_run_ids uuid[];
begin
  with candidate as (
    select distinct n.run_id, r.flow_slug, r.version
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id
    where (
      select s.is_leaf
      from pgflow.steps as s
      where s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
    )
  ),
  ended as (
    update pgflow.runs as r
    set status = 'completed', ended_at = pgflow._now()
    from candidate as c
    where r.run_id = c.run_id
      and r.status = 'started'
      and not exists (
        select 1
        from pgflow.steps as s
        where s.flow_slug = c.flow_slug
          and s.version = c.version
          and s.is_leaf
          and not exists (
            select 1
            from pgflow.step_states as ss
            where ss.run_id = c.run_id
              and ss.step_slug = s.step_slug
              and ss.status in ('completed', 'skipped')
            offset 0
          )
        offset 0
      )
    returning r.run_id, r.parent_run_id
  )
  select array_agg(e.run_id), array_agg(e.run_id) filter (where e.parent_run_id is not null)
  into v_run_ids, v_sub_run_ids
  from ended as e;
  if v_run_ids is not null then
    -- The deadline: a run that is done in a second would leave it behind for days.
    delete from pgflow.timers as t where t.run_id = any (v_run_ids);
  end if;
  if v_sub_run_ids is not null then
    perform pgflow._tell_parents(v_sub_run_ids);
  end if;
end;
$$;

-- _end_runs: end runs early: nothing of them stays queued or leased. Runs that have ended are left alone.
-- Of a flow with a failure handler, the handler's task is queued when the run fails.
-- Called by: cancel_run, _fail_steps, _fire_timers. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_runs(
  p_run_ids uuid [], p_status text, p_errors jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[] := array(
    select r.run_id from pgflow.runs as r where r.run_id = any (p_run_ids) and r.status = 'started'
  );
begin
  update pgflow.step_states as s
  set status = 'cancelled', ended_at = v_now
  where s.run_id = any (v_run_ids)
    and s.status = 'started';

  -- Before the leases: a claim that is under way moves a row from here to there, and this delete
  -- waits for it.
  delete from pgflow.tasks as t
  where t.run_id = any (v_run_ids);

  with ended as (
    delete from pgflow.leases as l
    where l.run_id = any (v_run_ids)
    returning l.*
  )
  insert into pgflow.attempt_log (
    run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
  )
  select
    e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
    'cancelled', e.claimed_at, v_now
  from ended as e;

  if exists (select 1 from pgflow.maps as m where m.run_id = any (v_run_ids)) then
    perform pgflow._drop_items(v_run_ids);
  end if;

  delete from pgflow.timers as t
  where t.run_id = any (v_run_ids);

  update pgflow.runs as r
  set status = p_status, error = n.error, ended_at = v_now
  from unnest(p_run_ids, p_errors) as n (run_id, error)
  where r.run_id = n.run_id
    and r.status = 'started';

  perform pgflow._tell_parents(array_agg(r.run_id))
  from pgflow.runs as r
  where r.run_id = any (v_run_ids)
    and r.parent_run_id is not null
  having count(*) > 0;
  perform pgflow._tell_sub_runs(v_run_ids);
  if p_status = 'failed' then
    perform pgflow._start_failure_handlers(v_run_ids);
  end if;
  perform pgflow._notify_watchers(p_run_ids);
end;
$$;

-- _lock_runs: take the first lock of the lock order, for every run of a batch, by id.
-- Whoever holds it decides alone what its reports make ready, which is what makes fan-in exact.
-- Called by: every function that changes a run that exists.
-- Locks:     runs, ascending by id.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._lock_runs(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  perform 1
  from pgflow.runs as r
  where r.run_id = any (p_run_ids)
  order by r.run_id
  for no key update;
end;
$$;

-- _raise_run_id_taken: say that there is a run of this id.
-- Called by: start_flow, start_flows.
-- Locks:     none.
-- Raises:    PF303 always.
-- Returns:   nothing.
create or replace function pgflow._raise_run_id_taken(p_run_id uuid) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF303',
    message = format('there is a run %s already', p_run_id),
    detail = jsonb_build_object('run_id', p_run_id)::text,
    hint = 'leave p_run_id out, or look at the run that has this id';
end;
$$;

-- _raise_run_not_found: one answer for a run that does not exist and one that is not yours.
-- Called by: get_run, explain_run, send_signal, cancel_run, watch_run.
-- Locks:     none.
-- Raises:    PF102.
-- Returns:   never.
create or replace function pgflow._raise_run_not_found(p_run_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF102',
    message = format('there is no run %s', p_run_id),
    detail = jsonb_build_object('run_id', p_run_id)::text,
    hint = 'check the id, and whether the caller is the owner of the run';
end;
$$;

-- _run_output: the results of the leaf steps of a run by slug, or the result of one step.
-- Called by: _end_sub_flows, _sub_run_outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the run output, or the result; JSON null for a step without one.
create or replace function pgflow._run_output(p_run_id uuid, p_step_slug text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_step_slug is not null then
    return coalesce(
      (
        select s.step_result
        from pgflow.step_states as s
        where s.run_id = p_run_id and s.step_slug = p_step_slug
      ),
      'null'
    );
  end if;
  return (
    select jsonb_object_agg(s.step_slug, x.step_result)
    from pgflow.runs as r
    join pgflow.steps as s on s.flow_slug = r.flow_slug and s.version = r.version and s.is_leaf
    left join pgflow.step_states as x on x.run_id = r.run_id and x.step_slug = s.step_slug
    where r.run_id = p_run_id
  );
end;
$$;

-- _start_failure_handlers: queue the failure handler of each run that has just failed and has one.
-- Called by: _end_runs. The caller holds the locks of the runs.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._start_failure_handlers(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handlers pgflow.ready_step[];
begin
  select array_agg(
    (r.run_id, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
  )
  into v_handlers
  from pgflow.runs as r
  join pgflow.steps as s on s.flow_slug = r.flow_slug and s.version = r.version
  where r.run_id = any (p_run_ids)
    and s.kind = 'failure';
  if v_handlers is not null then
    perform pgflow._queue_steps(v_handlers, null);
  end if;
end;
$$;

-- _start_runs: write the runs, queue the steps that wait for nothing, and set the deadline.
-- One function for both, because a further call costs every start 7 % of its time.
-- Called by: start_flow, start_flows, _open_sub_runs, _fire_timers. Who gives no payloads holds the locks
--            of the runs, or made them.
-- Locks:     none further; what is written is new. Those of runs that a step fails at once.
-- Raises:    nothing.
-- Returns:   how many runs have been written, or begun; if fewer than were asked for, a run id was taken, and
--            whoever called must raise.
create or replace function pgflow._start_runs(
  p_flow_slug text, p_version integer, p_run_ids uuid [],
  p_payloads jsonb [],  -- null: the runs are there, and begin now
  p_start_at timestamptz default null  -- null or past: now
) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
  v_owner text := pgflow._current_owner();  -- once: asked per row it took a third of a bulk start
  v_now timestamptz := pgflow._now();
  v_step_slugs text[];
  v_contract_ids integer[];
  v_special pgflow.ready_step[];
  v_deadline timestamptz;
  v_count integer;
begin
  if p_payloads is not null then
    insert into pgflow.runs (run_id, flow_slug, version, owner, payload, started_at)
    select n.run_id, p_flow_slug, p_version, v_owner, n.payload, v_now
    from unnest(p_run_ids, p_payloads) as n (run_id, payload)
    on conflict (run_id) do nothing;
    -- Not an exception handler: it would cost every start a subtransaction.
    get diagnostics v_count = row_count;
    if v_count < cardinality(p_run_ids) then
      return v_count;
    end if;
  end if;
  if p_start_at > v_now then
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select n.run_id, '', 'start', p_start_at
    from unnest(p_run_ids) as n (run_id);
    perform pgflow._announce_timers(p_start_at);
    return cardinality(p_run_ids);
  end if;

  select
    array_agg(s.step_slug) filter (where s.is_plain),
    array_agg(s.contract_id) filter (where s.is_plain),
    array_agg(
      (null, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
    ) filter (where not s.is_plain),
    (
      select v_now + make_interval(secs => v.deadline_seconds)
      from pgflow.flow_versions as v
      where v.flow_slug = p_flow_slug and v.version = p_version
    )
  into v_step_slugs, v_contract_ids, v_special, v_deadline
  from pgflow.steps as s
  where s.flow_slug = p_flow_slug
    and s.version = p_version
    and s.is_root;
  insert into pgflow.step_states (run_id, step_slug, started_at)
  select n.run_id, r.step_slug, v_now
  from unnest(p_run_ids) as n (run_id) cross join unnest(v_step_slugs) as r (step_slug);
  insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
  select n.run_id, r.step_slug, r.contract_id, v_now
  from unnest(p_run_ids) as n (run_id)
  cross join unnest(v_step_slugs, v_contract_ids) as r (step_slug, contract_id);

  if v_deadline is not null then
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select n.run_id, '', 'deadline', v_deadline
    from unnest(p_run_ids) as n (run_id);
    perform pgflow._announce_timers(v_deadline);
  end if;

  perform pgflow._wake_workers(v_contract_ids);
  if v_special is not null then
    perform pgflow._start_special_steps(array_agg(
      (n.run_id, s.flow_slug, s.version, s.step_slug, s.kind, s.contract_id)::pgflow.ready_step
    ))
    from unnest(p_run_ids) as n (run_id)
    cross join unnest(v_special) as s;
  end if;
  return cardinality(p_run_ids);
end;
$$;

-- cancel_run: end a run now. Handlers that are running learn of it when they extend their lease.
-- Called by: clients, for runs that they may see.
-- Locks:     run, then step states, then tasks and leases.
-- Raises:    PF102 unknown run; PF302 it has completed or failed; PF401 not yours; PF503.
-- Returns:   'cancelled', also when it was cancelled before.
create or replace function pgflow.cancel_run(
  p_run_id uuid, p_reason text default null
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(array[p_run_id]);
  select r.status, r.owner into v_run from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_run.owner <> pgflow._current_owner() and not pgflow._is_admin() then
    raise exception using
      errcode = 'PF401',
      message = format('run %s belongs to another owner', p_run_id),
      detail = jsonb_build_object('run_id', p_run_id)::text,
      hint = 'cancel it as its owner or as pgflow_admin';
  end if;
  if v_run.status in ('completed', 'failed') then
    raise exception using
      errcode = 'PF302',
      message = format('run %s has already %s', p_run_id, v_run.status),
      detail = jsonb_build_object('run_id', p_run_id, 'status', v_run.status)::text,
      hint = 'only a run that has not ended can be cancelled';
  end if;
  if v_run.status = 'started' then
    perform pgflow._end_runs(
      array[p_run_id],
      'cancelled',
      array[jsonb_strip_nulls(jsonb_build_object('message', 'cancelled', 'reason', p_reason))]
    );
  end if;
  return 'cancelled';
end;
$$;

-- get_run: everything about one run, in one document.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF102 unknown run, or not the caller's.
-- Returns:   run_id, parent_run_id of a sub-run, flow_slug, version, status, owner, payload, output (the
--            results of the leaf
--            steps by slug, once completed), error, started_at, ended_at, and steps in topological
--            order, those that still wait among them as 'created'. A failure handler is among them once it
--            has begun; a step that was skipped tells why (skip_reason). A map step that has begun tells
--            its tasks by state; attempts, error and retry_at are then as _map_progress says. A step that has
--            started a run tells its id, and a map of them what _sub_flow_progress says.
create or replace function pgflow.get_run(p_run_id uuid) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
  v_steps jsonb;
  v_output jsonb;
begin
  select r.* into v_run from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_run.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;

  select
    jsonb_agg(
      jsonb_build_object(
        'slug', s.step_slug,
        'kind', s.kind,
        'status', coalesce(
          ss.status, case v_run.status when 'started' then 'created' else 'cancelled' end
        ),
        'skip_reason', ss.skip_reason,
        'result', ss.step_result,
        'error', coalesce(ss.error, m.error, last_attempt.error),
        'attempts', coalesce(
          m.attempts, l.attempt, t.attempts_count, ss.attempt, last_attempt.attempt, 0
        ),
        'started_at', ss.started_at,
        'ended_at', ss.ended_at,
        'running', l.lease_id is not null or coalesce((m.tasks ->> 'running')::integer > 0, false),
        'worker', w.name,
        'retry_at', coalesce(m.retry_at, case when t.attempts_count > 0 then t.available_at end),
        'tasks', coalesce(m.tasks, x.tasks),
        'sub_run_id', x.sub_run_id,
        'sub_runs', x.sub_runs
      )
      order by s.step_index
    ),
    jsonb_object_agg(s.step_slug, ss.step_result) filter (where s.is_leaf)
  into v_steps, v_output
  from pgflow.steps as s
  left join pgflow.step_states as ss on ss.run_id = p_run_id and ss.step_slug = s.step_slug
  left join pgflow.tasks as t
    on t.run_id = p_run_id and t.step_slug = s.step_slug and t.task_index = 0 and s.kind <> 'map'
  left join pgflow.leases as l
    on l.run_id = p_run_id and l.step_slug = s.step_slug and l.task_index = 0 and s.kind <> 'map'
  left join lateral (
    select a.worker_id, a.attempt, a.error
    from pgflow.attempt_log as a
    where a.run_id = p_run_id
      and a.step_slug = s.step_slug
      and s.kind <> 'map'
      and ss.lease_id is null
    order by a.ended_at desc, a.attempt desc
    limit 1
  ) as last_attempt on true
  left join lateral (
    -- `offset 0`: so that it is called for maps only
    select p.*
    from pgflow._map_progress(p_run_id, s.step_slug, ss.status) as p
    where s.kind = 'map'
    offset 0
  ) as m on true
  left join lateral (
    select p.*
    from pgflow._sub_flow_progress(p_run_id, s.step_slug, ss.status) as p
    where s.kind = 'flow'
    offset 0
  ) as x on true
  left join pgflow.workers as w on w.worker_id = coalesce(l.worker_id, ss.worker_id, last_attempt.worker_id)
  where s.flow_slug = v_run.flow_slug
    and s.version = v_run.version
    and (s.kind <> 'failure' or ss.step_slug is not null);

  return jsonb_build_object(
    'run_id', v_run.run_id,
    'parent_run_id', v_run.parent_run_id,
    'flow_slug', v_run.flow_slug,
    'version', v_run.version,
    'status', v_run.status,
    'owner', v_run.owner,
    'payload', v_run.payload,
    'output', case v_run.status when 'completed' then v_output end,
    'error', v_run.error,
    'started_at', v_run.started_at,
    'ended_at', v_run.ended_at,
    'steps', v_steps
  );
end;
$$;

-- list_runs: the newest runs that the caller may see.
-- Called by: clients, the CLI.
-- Locks:     none.
-- Raises:    PF203 the limit is out of range.
-- Returns:   newest first: run ids sort by the time of the start.
create or replace function pgflow.list_runs(
  p_flow_slug text default null,
  p_status text default null,
  p_limit integer default 50
) returns table (
  run_id uuid, flow_slug text, version integer, status text, owner text,
  started_at timestamptz, ended_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Asked once, and not of every row: may_see(r.owner) cost seconds over 300,000 runs of others.
  v_sees_all boolean := pgflow._sees_all();
  v_owner text := pgflow._current_owner();
begin
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception using
      errcode = 'PF203',
      message = format('p_limit is %s; it must be between 1 and 10000', coalesce(p_limit::text, 'null')),
      detail = jsonb_build_object('p_limit', p_limit)::text,
      hint = 'ask for fewer runs';
  end if;
  return query
  select r.run_id, r.flow_slug, r.version, r.status, r.owner, r.started_at, r.ended_at
  from pgflow.runs as r
  where (p_flow_slug is null or r.flow_slug = p_flow_slug)
    and (p_status is null or r.status = p_status)
    and (v_sees_all or r.owner = v_owner)
  order by r.run_id desc
  limit p_limit;
end;
$$;

-- start_flow: start one run; it exists when the caller's transaction commits, and begins then or later.
-- Called by: clients.
-- Locks:     none; everything is new.
-- Raises:    PF101 unknown flow; PF202 the payload does not fit; PF210 it is too large; PF212 a
--            limit was hit; PF303 the run id is taken; PF401 not startable.
-- Returns:   the run id: the given one, else a new UUIDv7.
create or replace function pgflow.start_flow(
  p_flow_slug text,
  p_payload jsonb,
  p_run_id uuid default null,  -- chosen by the caller, so that a repeated start is noticed
  p_start_at timestamptz default null  -- when its first steps start; now unless given
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version integer := pgflow._check_startable(p_flow_slug);
  v_run_id uuid := coalesce(p_run_id, pgflow._uuid_v7());
begin
  perform pgflow._check_payloads(p_flow_slug, v_version, array[p_payload]);
  if pgflow._start_runs(p_flow_slug, v_version, array[v_run_id], array[p_payload], p_start_at) < 1 then
    perform pgflow._raise_run_id_taken(v_run_id);
  end if;
  return v_run_id;
end;
$$;

-- start_flows: start a run for each payload, all in one go.
-- Called by: clients.
-- Locks:     none; everything is new.
-- Raises:    PF101 unknown flow; PF202 a payload does not fit; PF210 one is too large; PF212 a limit
--            was hit; PF303 a new run id is taken, which 74 random bits make all but impossible;
--            PF401 not startable.
-- Returns:   the run ids, in the order of the payloads.
create or replace function pgflow.start_flows(
  p_flow_slug text, p_payloads jsonb []
) returns uuid []
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_version integer := pgflow._check_startable(p_flow_slug);
  v_run_ids uuid[];
begin
  perform pgflow._check_payloads(p_flow_slug, v_version, p_payloads);
  v_run_ids := array(
    select pgflow._uuid_v7() from generate_series(1, cardinality(p_payloads))
  );
  if pgflow._start_runs(p_flow_slug, v_version, v_run_ids, p_payloads) < cardinality(v_run_ids) then
    perform pgflow._raise_run_id_taken(v_run_ids[1]);
  end if;
  return v_run_ids;
end;
$$;

-- watch_run: ask for a NOTIFY whenever this run changes, for a while; ask again to go on.
-- Called by: clients that wait.
-- Locks:     the row of the watch.
-- Raises:    PF102 unknown run, or not the caller's; PF203 the duration is out of range.
-- Returns:   the channel to LISTEN on.
create or replace function pgflow.watch_run(
  p_run_id uuid, p_seconds double precision default 60
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner text;
begin
  if p_seconds is null or p_seconds not between 1 and 3600 then
    raise exception using
      errcode = 'PF203',
      message = format('p_seconds is %s; it must be between 1 and 3600', coalesce(p_seconds::text, 'null')),
      detail = jsonb_build_object('p_seconds', p_seconds)::text,
      hint = 'ask for a shorter time, and again before it ends';
  end if;
  select r.owner into v_owner from pgflow.runs as r where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  insert into pgflow.watches as w (run_id, watched_until)
  values (p_run_id, pgflow._now() + make_interval(secs => p_seconds))
  on conflict (run_id) do update
    set watched_until = greatest(w.watched_until, excluded.watched_until);
  return 'pgflow_run_' || replace(p_run_id::text, '-', '');
end;
$$;

-- _check_signal: hold the payload of a signal against budget and schema.
-- Refused and not taken for a failure of the step: who sends it can send another one.
-- Called by: send_signal.
-- Locks:     none.
-- Raises:    PF202 it does not fit or is SQL null; PF210 too large; PF212 a limit was hit.
-- Returns:   nothing.
create or replace function pgflow._check_signal(
  p_step_slug text, p_payload jsonb, p_schema_id bytea, p_max_bytes integer, p_detail jsonb
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes constant integer := pg_column_size(p_payload);
  v_errors jsonb;
begin
  if p_payload is null then
    raise exception using
      errcode = 'PF202',
      message = format('the payload of signal %L is SQL null', p_step_slug),
      detail = p_detail::text,
      hint = $hint$pass a JSON value; JSON null is 'null'::jsonb$hint$;
  elsif v_bytes > p_max_bytes then
    raise exception using
      errcode = 'PF210',
      message = format(
        'the payload of signal %L takes %s bytes as jsonb; its budget is %s', p_step_slug, v_bytes, p_max_bytes
      ),
      detail = (p_detail || jsonb_build_object('bytes', v_bytes, 'max_payload_bytes', p_max_bytes))::text,
      hint = 'send where large things are, or raise the budget: Flow(..., max_result_bytes=...)';
  end if;
  v_errors := pgflow._check_value(p_schema_id, p_payload);
  if v_errors @> '[{"keyword": "limit"}]' then
    raise exception using
      errcode = 'PF212',
      message = format('the payload of signal %L could not be validated: %s', p_step_slug, pgflow._told(v_errors)),
      detail = (p_detail || jsonb_build_object('errors', v_errors))::text,
      hint = 'send less, or raise pgflow.validation_deadline_ms';
  elsif v_errors is not null then
    raise exception using
      errcode = 'PF202',
      message = format('the payload of signal %L does not fit: %s', p_step_slug, pgflow._told(v_errors)),
      detail = (p_detail || jsonb_build_object('errors', v_errors))::text,
      hint = 'send what the type of the signal says';
  end if;
end;
$$;

-- _check_signal_is_awaited: refuse a signal that comes too late, or after another one.
-- Called by: send_signal, which holds the lock of the run.
-- Locks:     none.
-- Raises:    PF302 the run has ended; PF305 another payload was sent before; PF306 the step has ended.
-- Returns:   nothing.
create or replace function pgflow._check_signal_is_awaited(
  p_run_id uuid, p_step_slug text, p_run_status text, p_step_status text, p_detail jsonb
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select 1 from pgflow.signals as g where g.run_id = p_run_id and g.step_slug = p_step_slug
  ) then
    raise exception using
      errcode = 'PF305',
      message = format('signal %L was sent to run %s before, with another payload', p_step_slug, p_run_id),
      detail = p_detail::text,
      hint = 'a signal is taken once; look at what the run has with get_run';
  elsif p_run_status <> 'started' then
    raise exception using
      errcode = 'PF302',
      message = format(
        'run %s has already %s', p_run_id,
        case p_run_status when 'cancelled' then 'been cancelled' else p_run_status end
      ),
      detail = (p_detail || jsonb_build_object('status', p_run_status))::text,
      hint = 'only a run that has not ended takes signals';
  elsif p_step_status <> 'started' then
    raise exception using
      errcode = 'PF306',
      message = format(
        'run %s does not wait for signal %L any more: the step is %s', p_run_id, p_step_slug, p_step_status
      ),
      detail = (p_detail || jsonb_build_object('status', p_step_status))::text,
      hint = case p_step_status
        when 'skipped' then 'its condition did not hold, or a step that it waits for was skipped; see explain_run'
        else 'the time to wait was over; give the signal a longer timeout'
      end;
  end if;
end;
$$;

-- _start_signals: begin to wait for signals; those that were sent before complete their steps at once.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have completed, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_signals(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
begin
  return query
  with awaited as materialized (
    select n.run_id, n.step_slug, g.payload, c.timeout_seconds
    from unnest(p_steps) as n
    -- a run may have failed by another step of the wave
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    join pgflow.contracts as c on c.contract_id = n.contract_id
    left join pgflow.signals as g on g.run_id = n.run_id and g.step_slug = n.step_slug
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      a.run_id, a.step_slug, case when a.payload is null then 'started' else 'completed' end, a.payload, v_now,
      case when a.payload is not null then v_now end
    from awaited as a
  ),
  limits as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select a.run_id, a.step_slug, 'signal', v_now + make_interval(secs => a.timeout_seconds)
    from awaited as a
    where a.payload is null and a.timeout_seconds is not null
    returning timers.due_at
  )
  select
    array_agg(a.run_id) filter (where a.payload is not null),
    array_agg(a.step_slug) filter (where a.payload is not null)
  from awaited as a
  cross join lateral (select pgflow._announce_timers((select min(l.due_at) from limits as l))) as told;
end;
$$;

-- send_signal: give a run what one of its signal steps waits for, or will wait for.
-- It is kept when the step has not begun to wait. Sent again with the same payload it is answered as
-- 'repeated' and changes nothing, also when the run has ended.
-- Called by: clients, the CLI, anybody with SQL.
-- Locks:     run, then step state.
-- Raises:    PF102 unknown run; PF103 the flow has no such signal; PF202 the payload does not fit;
--            PF210 it is too large; PF212 a limit was hit; PF302 the run has ended; PF305 another payload
--            was sent before; PF306 the time is over; PF401 not yours; PF503 isolation level.
-- Returns:   'completed' when a step waited for it, 'kept' when none does yet, or 'repeated'.
create or replace function pgflow.send_signal(
  p_run_id uuid,
  p_step_slug text,
  p_payload jsonb
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
  v_state record;
  v_detail jsonb := jsonb_build_object('run_id', p_run_id, 'step_slug', p_step_slug);
begin
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(array[p_run_id]);
  select r.status, r.owner, r.flow_slug, r.version, s.kind, c.result_schema_id, c.max_result_bytes
  into v_found
  from pgflow.runs as r
  left join pgflow.steps as s
    on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = p_step_slug
  left join pgflow.contracts as c on c.contract_id = s.contract_id
  where r.run_id = p_run_id;
  if not found or not pgflow.may_see(v_found.owner) then
    perform pgflow._raise_run_not_found(p_run_id);
  end if;
  if v_found.owner <> pgflow._current_owner() and not pgflow._is_admin() then
    raise exception using
      errcode = 'PF401',
      message = format('run %s belongs to another owner', p_run_id),
      detail = v_detail::text,
      hint = 'send the signal as its owner or as pgflow_admin';
  end if;
  if v_found.kind is distinct from 'signal' then
    raise exception using
      errcode = 'PF103',
      message = format('flow %L has no signal %L', v_found.flow_slug, p_step_slug),
      detail = (v_detail || jsonb_build_object('flow_slug', v_found.flow_slug))::text,
      hint = 'its signals are: ' || coalesce(
        (
          select string_agg(s.step_slug, ', ' order by s.step_index)
          from pgflow.steps as s
          where s.flow_slug = v_found.flow_slug and s.version = v_found.version and s.kind = 'signal'
        ),
        'none'
      );
  end if;
  perform pgflow._check_signal(
    p_step_slug, p_payload, v_found.result_schema_id, v_found.max_result_bytes, v_detail
  );

  if exists (
    select 1
    from pgflow.signals as g
    where g.run_id = p_run_id and g.step_slug = p_step_slug and g.payload = p_payload
  ) then
    return 'repeated';
  end if;
  select s.status into v_state
  from pgflow.step_states as s
  where s.run_id = p_run_id and s.step_slug = p_step_slug;
  perform pgflow._check_signal_is_awaited(p_run_id, p_step_slug, v_found.status, v_state.status, v_detail);

  insert into pgflow.signals (run_id, step_slug, payload, sent_at, sender)
  values (p_run_id, p_step_slug, p_payload, pgflow._now(), pgflow._current_owner());
  if v_state.status is null then
    return 'kept';
  end if;
  update pgflow.step_states as s
  set status = 'completed', step_result = p_payload, ended_at = pgflow._now()
  where s.run_id = p_run_id and s.step_slug = p_step_slug;
  delete from pgflow.timers as t
  where t.run_id = p_run_id and t.step_slug = p_step_slug and t.kind = 'signal';
  perform pgflow._advance_runs(array[p_run_id], array[p_step_slug]);
  return 'completed';
end;
$$;

-- _advance_runs: start what steps make ready that have ended without a worker, and end what is done.
-- Called by: _fire_timers, _end_sub_flows, send_signal. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._advance_runs(p_run_ids uuid [], p_step_slugs text []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_special pgflow.ready_step[];
begin
  select r.special into v_special
  from pgflow._start_ready_steps(p_run_ids, p_step_slugs, null, 0, 0) as r;
  if v_special is not null then
    perform pgflow._start_special_steps(v_special);
  end if;
  perform pgflow._complete_runs(p_run_ids, p_step_slugs);
  perform pgflow._notify_watchers(p_run_ids);
end;
$$;

-- _check_results: hold the results of a batch against budget and result schema of their steps.
-- Called by: _complete_batch, before it takes locks: how long this takes depends on the values.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   per task whether the result fits; else the error that the step gets, which is null when
--            the lease is over. Codes: PF606 does not fit; PF607 too large; PF608 a limit was hit.
--            And whether it is one of a map step.
create or replace function pgflow._check_results(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns table (ordinal bigint, fits boolean, error jsonb, of_map boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select
    n.ordinal,
    c.contract_id is not null and k.error is null,
    k.error,
    c.over_source is not null
  from (
    select u.*, pg_column_size(u.result) as bytes
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
      with ordinality as u (run_id, step_slug, task_index, lease_id, result, ordinal)
    offset 0
  ) as n
  left join lateral (
    select
      c.*, s.predicate, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs, s.residual_free_bytes
    from pgflow.leases as l
    join pgflow.contracts as c on c.contract_id = l.contract_id
    join pgflow.schemas as s on s.schema_id = c.result_schema_id
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    offset 0
  ) as c on true
  left join lateral (
    select case
      when n.bytes > c.max_result_bytes then jsonb_build_object(
        'code', 'PF607',
        'type', 'ResultTooLargeError',
        'message', format(
          'the result takes %s bytes as jsonb; the budget of the step is %s', n.bytes, c.max_result_bytes
        )
      )
      when v.errors is not null then pgflow._result_error(v.errors)
    end as error
    from (
      -- what fits at once is seen here: a call of _check_value for each would cost 2.3 us more
      select case
        when n.bytes > c.max_result_bytes then null
        when n.result @? c.predicate
          and (
            n.bytes <= c.residual_free_bytes
            or pgflow._residuals_fit(
              n.result, c.residual_paths, c.residual_kinds, c.residual_mins, c.residual_maxs
            )
          ) then null
        else pgflow._check_value(c.result_schema_id, n.result)
      end as errors
      offset 0
    ) as v
    where c.contract_id is not null
    offset 0
  ) as k on true;
end;
$$;

-- _fail_steps: fail steps, and with them their runs; or skip them, if that is their policy.
-- A map whose policy is to skip puts null in the place of an item (_give_up, _keep_item_outcomes); what is
-- wrong with the step as a whole fails it, for whoever takes its result is promised a list.
-- A failure handler fails alone: its run has failed before.
-- Called by: _give_up, _end_sub_flows, _advance_sub_flow_maps, _start_sub_flows, _start_special_wave,
--            _start_map_wave,
--            _start_sleeps, _gather_results. The caller holds the locks
--            of the runs.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   the steps that were skipped instead: what waits for them may be ready now.
create or replace function pgflow._fail_steps(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_errors jsonb [],
  p_always boolean default false  -- whatever the policy of the step is
) returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_failed_run_ids uuid[];
  v_failed_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
  v_has_map boolean;
begin
  with failure as (
    -- A step fails for one reason, even when two of its tasks fail in the same batch.
    select distinct on (n.run_id, n.step_slug)
      n.run_id, n.step_slug, n.error, s.is_map,
      case
        when s.kind = 'failure' then 'alone'
        when p_always or s.on_failure = 'skip' and s.is_map then 'fail'
        else s.on_failure
      end as policy
    from unnest(p_run_ids, p_step_slugs, p_errors)
      with ordinality as n (run_id, step_slug, error, ordinal)
    cross join lateral (
      select s.kind, s.on_failure, c.over_source is not null as is_map
      from pgflow.runs as r
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
      join pgflow.contracts as c on c.contract_id = s.contract_id
      where r.run_id = n.run_id
      offset 0
    ) as s
    order by n.run_id, n.step_slug, n.ordinal
  ),
  ended as (
    update pgflow.step_states as s
    set status = case when n.policy in ('skip', 'skip_cascade') then 'skipped' else 'failed' end,
      error = n.error,
      ended_at = pgflow._now(),
      skip_reason = case when n.policy in ('skip', 'skip_cascade') then 'handler_failed' end,
      cascades = case n.policy when 'skip' then false when 'skip_cascade' then true end
    from failure as n
    where s.run_id = n.run_id
      and s.step_slug = n.step_slug
      and s.status = 'started'
    returning s.run_id, s.step_slug, n.error, n.policy, n.is_map
  ),
  failed as (
    -- A run fails for one reason, even when two of its steps fail in the same batch.
    select distinct on (e.run_id) e.run_id, e.step_slug, e.error
    from ended as e
    where e.policy = 'fail'
    order by e.run_id, e.step_slug
  )
  select
    array_agg(e.run_id) filter (where e.policy in ('skip', 'skip_cascade')),
    array_agg(e.step_slug) filter (where e.policy in ('skip', 'skip_cascade')),
    bool_or(e.is_map and e.policy = 'skip_cascade'),
    (select array_agg(f.run_id order by f.run_id) from failed as f),
    (
      select array_agg(jsonb_build_object('step', f.step_slug) || coalesce(f.error, '{}') order by f.run_id)
      from failed as f
    )
  into v_run_ids, v_step_slugs, v_has_map, v_failed_run_ids, v_failed_errors
  from ended as e;

  if v_has_map then
    perform pgflow._end_map_steps(v_run_ids, v_step_slugs);
  end if;
  if v_failed_run_ids is not null then
    perform pgflow._end_runs(v_failed_run_ids, 'failed', v_failed_errors);
  end if;
  return query
  select n.run_id, n.step_slug
  from unnest(v_run_ids, v_step_slugs) as n (run_id, step_slug);
end;
$$;

-- _fate: what becomes of a step of a run whose deps have all ended.
-- Called by: _start_special_wave.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   'cascade' when it is skipped because a dep was; else 'start' when it has no condition or that
--            holds; else what is to follow: 'skip', 'skip_cascade', or 'fail' with the error.
create or replace function pgflow._fate(p_step pgflow.ready_step, out fate text, out error jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_condition jsonb;
begin
  if exists (
    select 1
    from pgflow.deps as d
    cross join lateral (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = p_step.run_id and ss.step_slug = d.from_step_slug and ss.cascades
      offset 0
    ) as ss
    where d.flow_slug = p_step.flow_slug
      and d.version = p_step.version
      and d.to_step_slug = p_step.step_slug
  ) then
    fate := 'cascade';
    return;
  end if;
  select s.condition, s.when_unmet into v_condition, fate
  from pgflow.steps as s
  where s.flow_slug = p_step.flow_slug
    and s.version = p_step.version
    and s.step_slug = p_step.step_slug;
  if v_condition is null or pgflow._condition_holds(v_condition, p_step.run_id) then
    fate := 'start';
  elsif fate = 'fail' then
    error := pgflow._unmet_error(p_step.step_slug, v_condition, p_step.run_id);
  end if;
end;
$$;

-- _queue_steps: start steps of one task each that are not plain: queue the task, for later if they are delayed.
-- Called by: _start_special_wave, _start_failure_handlers. The caller holds the locks of the runs, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._queue_steps(
  p_steps pgflow.ready_step [], p_worker_id uuid
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_contract_ids integer[];
begin
  insert into pgflow.step_states (run_id, step_slug, started_at)
  select n.run_id, n.step_slug, v_now
  from unnest(p_steps) as n;

  with queued as (
    insert into pgflow.tasks as t (run_id, step_slug, contract_id, available_at)
    select n.run_id, n.step_slug, n.contract_id, v_now + make_interval(secs => c.start_delay_seconds)
    from unnest(p_steps) as n
    join pgflow.contracts as c on c.contract_id = n.contract_id
    returning t.contract_id, t.available_at
  )
  select array_agg(distinct q.contract_id) filter (where q.available_at <= v_now)
  into v_contract_ids
  from queued as q;
  perform pgflow._wake_workers(v_contract_ids, p_worker_id);
end;
$$;

-- _result_error: the error of a step whose result does not fit.
-- Called by: _check_results, _sub_flow_error.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null for null; else the error, its code PF608 when a limit was hit and PF606 otherwise.
create or replace function pgflow._result_error(p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then jsonb_build_object(
      'code', case when l.is_limit then 'PF608' else 'PF606' end,
      'type', case when l.is_limit then 'ResultLimitError' else 'ResultInvalidError' end,
      'message', case
        when l.is_limit then 'the result could not be validated: '
        else 'the result does not fit its schema: '
      end || pgflow._told(p_errors),
      'errors', p_errors
    )
  end
  from (select p_errors @> '[{"keyword": "limit"}]' as is_limit) as l;
$$;

-- _start_ready_steps: start every step whose last dep has just ended: hand it to the worker that
-- completed the dep, or queue it. Steps that are not plain are only told.
-- The caller holds the locks of the runs and wrote the results in an earlier statement, so this
-- one sees every dep that has ended, whoever ended it; a step cannot be ready twice,
-- because one of its deps ended only now.
-- `offset 0` keeps each lookup a lookup by whole key. Flattened into joins, a plan that was made
-- while the tables were small reads an index by its last column and never recovers.
-- Called by: _complete_batch, _give_up, _advance_runs, _start_special_steps.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   the leases of those handed to the worker, and the steps that are not plain,
--            which _start_special_steps is to start; null for none.
create or replace function pgflow._start_ready_steps(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_worker_id uuid,
  p_taking integer,  -- how many tasks the worker takes; all but one of them may be handed to it
  p_lease_seconds double precision,
  out handed pgflow.leases [],
  out special pgflow.ready_step []
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_served integer[];
  v_queued integer[];
begin
  if p_taking > 0 then
    select w.contract_ids into v_served
    from pgflow.workers as w
    where w.worker_id = p_worker_id;
  end if;
  with candidate as (
    select distinct n.run_id, r.flow_slug, r.version, d.to_step_slug as step_slug
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    cross join lateral (
      select d.to_step_slug
      from pgflow.deps as d
      where d.flow_slug = r.flow_slug
        and d.version = r.version
        and d.from_step_slug = n.step_slug
      offset 0
    ) as d
  ),
  ready as (
    select
      c.run_id, c.flow_slug, c.version, c.step_slug, s.contract_id, s.kind, s.is_plain,
      coalesce(s.contract_id = any (v_served) and s.is_plain, false)
        and row_number() over (
          order by s.contract_id = any (v_served) and s.is_plain desc nulls last
        ) < p_taking as is_handed
    from candidate as c
    join pgflow.steps as s
      on s.flow_slug = c.flow_slug and s.version = c.version and s.step_slug = c.step_slug
    where not exists (
      select 1
      from pgflow.deps as d
      where d.flow_slug = c.flow_slug
        and d.version = c.version
        and d.to_step_slug = c.step_slug
        and not exists (
          select 1
          from pgflow.step_states as ss
          where ss.run_id = c.run_id
            and ss.step_slug = d.from_step_slug
            and ss.status in ('completed', 'skipped')
          offset 0
        )
      offset 0
    )
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select r.run_id, r.step_slug, v_now from ready as r where r.is_plain
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
    select r.run_id, r.step_slug, r.contract_id, v_now
    from ready as r
    where r.is_plain and not r.is_handed
  ),
  leased as (
    insert into pgflow.leases as l (
      run_id, step_slug, task_index, contract_id, attempt, lease_id, worker_id,
      claimed_at, leased_until
    )
    select
      r.run_id, r.step_slug, 0, r.contract_id, 1, gen_random_uuid(), p_worker_id,
      v_now, v_now + make_interval(secs => p_lease_seconds)
    from ready as r
    where r.is_handed
    returning l as lease
  )
  select
    array_agg(r.contract_id) filter (where r.is_plain and not r.is_handed),
    array_agg(
      (r.run_id, r.flow_slug, r.version, r.step_slug, r.kind, r.contract_id)::pgflow.ready_step
    ) filter (where not r.is_plain),
    (select array_agg(l.lease) from leased as l)
  into v_queued, special, handed
  from ready as r;

  -- The worker claims what is left of them itself as far as it can; others are woken for the rest.
  if cardinality(v_queued) > p_taking - coalesce(cardinality(handed), 0)
    or not v_queued <@ coalesce(v_served, '{}')
  then
    perform pgflow._wake_workers(v_queued, p_worker_id);
  end if;
end;
$$;

-- _start_special_steps: start steps that are ready and not plain, and whatever becomes ready because some of
-- them end at once. A loop, not a recursion: a chain of steps that end at once may be of any length.
-- Called by: _move_runs, _complete_batch, _give_up, _advance_runs, _start_runs. The caller holds the locks
--            of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._start_special_steps(
  p_steps pgflow.ready_step [],
  p_worker_id uuid default null  -- who claims next, and need not be woken
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_steps pgflow.ready_step[] := p_steps;
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  while v_steps is not null loop
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_special_wave(v_steps, p_worker_id) as w;
    exit when v_run_ids is null;
    select r.special into v_steps
    from pgflow._start_ready_steps(v_run_ids, v_step_slugs, p_worker_id, 0, 0) as r;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
  end loop;
end;
$$;

-- _start_special_wave: start the steps that are ready now and not plain, each as its kind wants it.
-- First what may keep a step from starting: a dep that was skipped with cascade, then its condition.
-- Runs that fail are ended last, so that nothing of them is started after their end.
-- Called by: _start_special_steps. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have ended, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_special_wave(
  p_steps pgflow.ready_step [], p_worker_id uuid
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_singles pgflow.ready_step[];
  v_maps pgflow.ready_step[];
  v_signals pgflow.ready_step[];
  v_sleeps pgflow.ready_step[];
  v_sub_flows pgflow.ready_step[];
  v_unmet_run_ids uuid[];
  v_unmet_step_slugs text[];
  v_unmet_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
begin
  with decided as materialized (
    select
      n as step, n.run_id, n.step_slug, f.fate, f.error,
      case
        when n.kind = 'flow' and exists (
          select 1
          from pgflow.contracts as c
          where c.contract_id = n.contract_id and c.over_source is not null
          offset 0
        ) then 'map'
        else n.kind
      end as kind
    from unnest(p_steps) as n
    cross join lateral pgflow._fate(n) as f
  ),
  states as (
    insert into pgflow.step_states (
      run_id, step_slug, status, started_at, ended_at, skip_reason, cascades
    )
    select
      d.run_id, d.step_slug, 'skipped', v_now, v_now,
      case d.fate when 'cascade' then 'dependency_skipped' else 'condition_unmet' end,
      d.fate <> 'skip'
    from decided as d
    where d.fate in ('cascade', 'skip', 'skip_cascade')
  )
  select
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'single'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'map'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'signal'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'sleep'),
    array_agg(d.step) filter (where d.fate = 'start' and d.kind = 'flow'),
    array_agg(d.run_id) filter (where d.fate in ('cascade', 'skip', 'skip_cascade')),
    array_agg(d.step_slug) filter (where d.fate in ('cascade', 'skip', 'skip_cascade')),
    array_agg(d.run_id) filter (where d.fate = 'fail'),
    array_agg(d.step_slug) filter (where d.fate = 'fail'),
    array_agg(d.error) filter (where d.fate = 'fail')
  into
    v_singles, v_maps, v_signals, v_sleeps, v_sub_flows, run_ids, step_slugs,
    v_unmet_run_ids, v_unmet_step_slugs, v_unmet_errors
  from decided as d;

  if v_singles is not null then
    perform pgflow._queue_steps(v_singles, p_worker_id);
  end if;
  if v_maps is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_map_wave(v_maps, p_worker_id) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_signals is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_signals(v_signals) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_sleeps is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_sleeps(v_sleeps) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_sub_flows is not null then
    select w.run_ids, w.step_slugs into v_run_ids, v_step_slugs
    from pgflow._start_sub_flows(v_sub_flows) as w;
    run_ids := run_ids || v_run_ids;
    step_slugs := step_slugs || v_step_slugs;
  end if;
  if v_unmet_run_ids is not null then
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select n.run_id, n.step_slug, v_now
    from unnest(v_unmet_run_ids, v_unmet_step_slugs) as n (run_id, step_slug)
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started';
    perform pgflow._fail_steps(v_unmet_run_ids, v_unmet_step_slugs, v_unmet_errors, true);
  end if;
  return next;
end;
$$;

-- _value_at: a part of the payload of a run, or of the result of one of its steps.
-- Called by: _sleep_end, _start_sub_flows, _start_sleeps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the value; SQL null when there is none.
create or replace function pgflow._value_at(p_run_id uuid, p_source jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text[] := array(select p.key from jsonb_array_elements_text(p_source -> 'path') as p (key));
begin
  if p_source ->> 'source' = 'payload' then
    return (select r.payload from pgflow.runs as r where r.run_id = p_run_id) #> v_path;
  end if;
  return (
    select s.step_result
    from pgflow.step_states as s
    where s.run_id = p_run_id and s.step_slug = p_source ->> 'step'
  ) #> v_path;
end;
$$;

-- complete_step: store the result of one step, or of one item of a map step, within the caller's own transaction.
-- What the handler wrote to this database commits with it, or not at all: effects exactly once.
-- Called by: handlers that finish themselves; other languages' first worker.
-- Locks:     run, then step state, then lease.
-- Raises:    PF209 no result; PF301 the lease is over: roll back; PF503 isolation level.
-- Returns:   'completed', or 'failed' when the result does not fit its schema or budget: the step has
--            failed then, or was skipped, as its policy says, and the error is with it. What the caller
--            wrote is kept unless it rolls back.
create or replace function pgflow.complete_step(
  p_run_id uuid,
  p_step_slug text,
  p_lease_id uuid,  -- from claim_tasks; proves that the step is still ours
  p_result jsonb,
  p_task_index integer default 0  -- of a map step: which item the result is of
) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_outcome text;
begin
  select c.outcome into v_outcome
  from pgflow.complete_tasks(
    array[p_run_id], array[p_step_slug], array[p_task_index], array[p_lease_id], array[p_result]
  ) as c;
  if v_outcome = 'stale' then
    raise exception using
      errcode = 'PF301',
      message = format('the lease of step %L of run %s is over', p_step_slug, p_run_id),
      detail = jsonb_build_object(
        'run_id', p_run_id, 'step_slug', p_step_slug, 'task_index', p_task_index, 'lease_id', p_lease_id
      )::text,
      hint = 'roll back: another worker may have the task, or the run has ended';
  end if;
  return v_outcome;
end;
$$;

-- _advance_sub_flow_maps: take in what the sub-runs of maps came to, and begin the next ones. A map completes with
-- the last of them; the first that fails, fails it, unless its policy puts null in its place.
-- Called by: _end_sub_flows, which holds the locks of the parents and has noted that the sub-runs are open no more.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   the steps that have ended; what waits for them may be ready now.
create or replace function pgflow._advance_sub_flow_maps(p_due pgflow.timers [])
returns table (run_id uuid, step_slug text)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run_ids uuid[];
  v_step_slugs text[];
  v_refused pgflow.item_outcome[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_done_run_ids uuid[];
  v_done_step_slugs text[];
begin
  select array_agg(n.run_id), array_agg(n.step_slug) into v_run_ids, v_step_slugs
  from (select distinct d.run_id, d.step_slug from unnest(p_due) as d) as n
  join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
  join pgflow.step_states as s
    on s.run_id = n.run_id and s.step_slug = n.step_slug and s.status = 'started';
  if v_run_ids is null then
    return;
  end if;

  select array_agg(k.run_id), array_agg(k.step_slug), array_agg(k.error)
  into v_failed_run_ids, v_failed_step_slugs, v_errors
  from pgflow._keep_item_outcomes(pgflow._sub_run_outcomes(p_due)) as k;
  if v_failed_run_ids is not null then
    select array_agg(n.run_id), array_agg(n.step_slug) into v_run_ids, v_step_slugs
    from (
      select n.run_id, n.step_slug from unnest(v_run_ids, v_step_slugs) as n (run_id, step_slug)
      except
      select f.run_id, f.step_slug from unnest(v_failed_run_ids, v_failed_step_slugs) as f (run_id, step_slug)
    ) as n;
  end if;
  if v_run_ids is not null then
    v_refused := array(select b from pgflow._begin_sub_runs(v_run_ids, v_step_slugs) as b);
    select
      v_failed_run_ids || array_agg(k.run_id),
      v_failed_step_slugs || array_agg(k.step_slug),
      v_errors || array_agg(k.error)
    into v_failed_run_ids, v_failed_step_slugs, v_errors
    from pgflow._keep_item_outcomes(v_refused) as k;
    select d.run_ids, d.step_slugs into v_done_run_ids, v_done_step_slugs
    from pgflow._sub_flow_maps_done(v_run_ids, v_step_slugs, v_failed_run_ids, v_failed_step_slugs) as d;
  end if;
  if v_done_run_ids is not null then
    return query
    select g.run_id, g.step_slug from pgflow._gather_results(v_done_run_ids, v_done_step_slugs) as g;
  end if;
  if v_failed_run_ids is not null then
    return query
    select f.run_id, f.step_slug from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  perform pgflow._notify_watchers(array_agg(distinct d.run_id)) from unnest(p_due) as d;
end;
$$;

-- _begin_sub_runs: begin the next sub-runs of maps of sub-flows, as many as may be open.
-- At most a thousand in one call, so that its transaction stays short however many maps go on at once; each
-- gets its share.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   the items for which no run could be started, with the error. When the step fails by that, none
--            of its others was begun either.
create or replace function pgflow._begin_sub_runs(
  p_run_ids uuid [], p_step_slugs text []
) returns setof pgflow.item_outcome
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  c_most constant integer := 1000;
  v_share integer := greatest(c_most / cardinality(p_run_ids), 1);
  v_flow record;
begin
  for v_flow in
    with step as materialized (
      select
        n.run_id, n.step_slug, r.owner, coalesce(r.depth, 0) + 1 as depth, s.sub_flow_slug, s.on_failure,
        f.current_version, i.path, m.begun_count as first_index,
        m.begun_count
          + least(v_share, pgflow._most_sub_runs() - o.open_count, m.tasks_count - m.begun_count) as end_index
      from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
      join pgflow.runs as r on r.run_id = n.run_id
      join pgflow.maps as m on m.run_id = n.run_id and m.step_slug = n.step_slug
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
      join pgflow.step_inputs as i on i.contract_id = s.contract_id and i.parameter = 'payload'
      left join pgflow.flows as f on f.flow_slug = s.sub_flow_slug
      cross join lateral (
        select count(*)::integer as open_count
        from pgflow.sub_runs as x
        where x.run_id = n.run_id and x.step_slug = n.step_slug and x.is_open
        offset 0
      ) as o
    ),
    noted as (
      update pgflow.maps as m
      set begun_count = s.end_index
      from step as s
      where m.run_id = s.run_id
        and m.step_slug = s.step_slug
        and s.end_index > s.first_index
    ),
    wanted as materialized (
      select s.*, p.task_index, p.payload, pgflow._check_sub_flow(s.sub_flow_slug, p.payload, s.depth) as error
      from step as s
      cross join lateral (
        select i.task_index, coalesce(i.item #> s.path, 'null') as payload
        from pgflow.map_items as i
        where i.run_id = s.run_id
          and i.step_slug = s.step_slug
          and i.task_index >= s.first_index
          and i.task_index < s.end_index
        offset 0
      ) as p
    ),
    judged as (
      select
        w.*,
        w.on_failure <> 'skip' and bool_or(w.error is not null) over (partition by w.run_id, w.step_slug) as is_lost
      from wanted as w
    )
    select
      j.sub_flow_slug, j.current_version, j.error is null as is_fine,
      array_agg(j.run_id) as run_ids, array_agg(j.step_slug) as step_slugs,
      array_agg(j.task_index) as task_indexes, array_agg(j.error) as errors,
      array_agg(j.owner) as owners, array_agg(j.depth) as depths, array_agg(j.payload) as payloads
    from judged as j
    where j.error is not null or not j.is_lost
    group by j.sub_flow_slug, j.current_version, j.error is null
  loop
    if v_flow.is_fine then
      perform pgflow._open_sub_runs(
        v_flow.sub_flow_slug, v_flow.current_version, v_flow.run_ids, v_flow.step_slugs, v_flow.task_indexes,
        v_flow.owners, v_flow.depths, v_flow.payloads
      );
    else
      return query
      select n.run_id, n.step_slug, n.task_index, null::jsonb, n.error
      from unnest(v_flow.run_ids, v_flow.step_slugs, v_flow.task_indexes, v_flow.errors)
        as n (run_id, step_slug, task_index, error);
    end if;
  end loop;
end;
$$;

-- _check_sub_flow: why a step cannot start a run of its sub-flow, for an item if it is a map.
-- Called by: _start_sub_flows, _begin_sub_runs.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error that the step gets; null when it can. Code: PF630.
create or replace function pgflow._check_sub_flow(
  p_flow_slug text, p_payload jsonb, p_depth integer
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_deepest constant integer := 16;
  v_version record;
  v_errors jsonb;
  v_why text;
begin
  select v.payload_schema_id, v.max_payload_bytes into v_version
  from pgflow.flows as f
  join pgflow.flow_versions as v on v.flow_slug = f.flow_slug and v.version = f.current_version
  where f.flow_slug = p_flow_slug;
  if not found then
    v_why := 'there is no flow of that slug';
  elsif p_depth > c_deepest then
    v_why := format('runs may be inside each other %s deep', c_deepest);
  elsif pg_column_size(p_payload) > v_version.max_payload_bytes then
    v_why := format(
      'the payload takes %s bytes as jsonb; its budget is %s', pg_column_size(p_payload), v_version.max_payload_bytes
    );
  else
    v_errors := pgflow._check_value(v_version.payload_schema_id, p_payload);
    v_why := case when v_errors is not null then 'the payload does not fit: ' || pgflow._told(v_errors) end;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'code', 'PF630',
    'type', 'SubFlowError',
    'message', format('no run of flow %L was started: ', p_flow_slug) || v_why,
    'errors', v_errors
  ))
  where v_why is not null;
end;
$$;

-- _end_sub_flows: complete or fail the steps whose sub-runs have ended, by how these ended. Maps of them go on.
-- Called by: _fire_timers, which holds the locks of the parents.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._end_sub_flows(p_due pgflow.timers []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_skipped record;
  v_of_maps pgflow.timers[];
begin
  update pgflow.sub_runs as x
  set is_open = false
  from unnest(p_due) as d
  where x.run_id = d.run_id
    and x.step_slug = d.step_slug
    and x.task_index = d.task_index
    and x.is_open;

  with ended as materialized (
    select d.run_id, d.step_slug, o.result, pgflow._sub_flow_error(x.sub_run_id, c.result_schema_id, o.result) as error
    from unnest(p_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    join pgflow.step_states as s
      on s.run_id = d.run_id and s.step_slug = d.step_slug and s.status = 'started'
    join pgflow.steps as p
      on p.flow_slug = r.flow_slug and p.version = r.version and p.step_slug = d.step_slug
    join pgflow.contracts as c on c.contract_id = p.contract_id and c.over_source is null
    join pgflow.sub_runs as x on x.run_id = d.run_id and x.step_slug = d.step_slug and x.task_index = 0
    cross join lateral (
      select pgflow._run_output(x.sub_run_id, p.sub_step_slug) as result offset 0
    ) as o
  ),
  states as (
    update pgflow.step_states as s
    set status = 'completed', step_result = e.result, ended_at = v_now
    from ended as e
    where s.run_id = e.run_id
      and s.step_slug = e.step_slug
      and e.error is null
  )
  select
    array_agg(e.run_id) filter (where e.error is null),
    array_agg(e.step_slug) filter (where e.error is null),
    array_agg(e.run_id) filter (where e.error is not null),
    array_agg(e.step_slug) filter (where e.error is not null),
    array_agg(e.error) filter (where e.error is not null)
  into v_run_ids, v_step_slugs, v_failed_run_ids, v_failed_step_slugs, v_errors
  from ended as e;

  if v_failed_run_ids is not null then
    select array_agg(f.run_id) as run_ids, array_agg(f.step_slug) as step_slugs into v_skipped
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
    v_run_ids := v_run_ids || v_skipped.run_ids;
    v_step_slugs := v_step_slugs || v_skipped.step_slugs;
  end if;

  select array_agg(d) into v_of_maps
  from unnest(p_due) as d
  where exists (select 1 from pgflow.maps as m where m.run_id = d.run_id and m.step_slug = d.step_slug offset 0);
  if v_of_maps is not null then
    select v_run_ids || array_agg(m.run_id), v_step_slugs || array_agg(m.step_slug) into v_run_ids, v_step_slugs
    from pgflow._advance_sub_flow_maps(v_of_maps) as m;
  end if;
  if v_run_ids is not null then
    perform pgflow._advance_runs(v_run_ids, v_step_slugs);
  end if;
end;
$$;

-- _keep_item_outcomes: keep what items of maps of sub-flows came to: results, and null for those that may fail.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   the steps that fail by it, each with the error of the first of its items.
create or replace function pgflow._keep_item_outcomes(p_outcomes pgflow.item_outcome [])
returns table (run_id uuid, step_slug text, error jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  with outcome as materialized (
    select o.run_id, o.step_slug, o.task_index, o.result, o.error, s.may_skip
    from unnest(p_outcomes) as o
    cross join lateral (
      select s.on_failure = 'skip' as may_skip
      from pgflow.runs as r
      join pgflow.steps as s
        on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = o.step_slug
      where r.run_id = o.run_id
      offset 0
    ) as s
  ),
  kept as (
    insert into pgflow.map_results (run_id, step_slug, task_index, result)
    select o.run_id, o.step_slug, o.task_index, case when o.error is null then o.result else 'null' end
    from outcome as o
    where o.error is null or o.may_skip
  ),
  counted as (
    update pgflow.maps as m
    set skipped_count = m.skipped_count + n.skipped_count
    from (
      select o.run_id, o.step_slug, count(*) as skipped_count
      from outcome as o
      where o.error is not null and o.may_skip
      group by o.run_id, o.step_slug
    ) as n
    where m.run_id = n.run_id
      and m.step_slug = n.step_slug
  )
  select distinct on (o.run_id, o.step_slug)
    o.run_id, o.step_slug, o.error || jsonb_build_object('task_index', o.task_index)
  from outcome as o
  where o.error is not null and not o.may_skip
  order by o.run_id, o.step_slug, o.task_index;
end;
$$;

-- _most_sub_runs: how many sub-runs of one map are open at the same time; the others begin as these end.
-- Called by: _begin_sub_runs, _sub_flow_maps_done.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number.
create or replace function pgflow._most_sub_runs() returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 1000;
$$;

-- _open_sub_runs: start runs of one flow for steps of other runs. Each belongs to the owner of its parent.
-- Called by: _start_sub_flows, _begin_sub_runs. The caller holds the locks of the parents, or made them.
-- Locks:     none further; the rows are new.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._open_sub_runs(
  p_flow_slug text,
  p_version integer,
  p_run_ids uuid [],  -- the parents
  p_step_slugs text [],
  p_task_indexes integer [],
  p_owners text [],
  p_depths integer [],
  p_payloads jsonb []
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_sub_run_ids uuid[] := array(select pgflow._uuid_v7() from unnest(p_run_ids));
begin
  insert into pgflow.sub_runs (run_id, step_slug, task_index, sub_run_id)
  select n.run_id, n.step_slug, n.task_index, n.sub_run_id
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, v_sub_run_ids)
    as n (run_id, step_slug, task_index, sub_run_id);
  insert into pgflow.runs (
    run_id, flow_slug, version, owner, payload, started_at,
    parent_run_id, parent_step_slug, parent_task_index, depth
  )
  select
    n.sub_run_id, p_flow_slug, p_version, n.owner, n.payload, v_now,
    n.run_id, n.step_slug, n.task_index, n.depth
  from unnest(
    v_sub_run_ids, p_owners, p_payloads, p_run_ids, p_step_slugs, p_task_indexes, p_depths
  ) as n (sub_run_id, owner, payload, run_id, step_slug, task_index, depth);
  perform pgflow._start_runs(p_flow_slug, p_version, v_sub_run_ids, null);
end;
$$;

-- _start_sub_flows: start the runs of sub-flows, one for each step; maps of them are of _start_map_wave.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that were skipped because their run could not be started, or nulls.
create or replace function pgflow._start_sub_flows(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_flow record;
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
begin
  for v_flow in
    with wanted as materialized (
      select
        n.run_id, n.step_slug, s.sub_flow_slug, r.owner, coalesce(r.depth, 0) + 1 as depth, a.payload,
        f.current_version, pgflow._check_sub_flow(s.sub_flow_slug, a.payload, coalesce(r.depth, 0) + 1) as error
      from unnest(p_steps) as n
      -- a run may have failed by another step of the wave
      join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
      join pgflow.steps as s
        on s.flow_slug = n.flow_slug and s.version = n.version and s.step_slug = n.step_slug
      join pgflow.step_inputs as i on i.contract_id = n.contract_id and i.parameter = 'payload'
      left join pgflow.flows as f on f.flow_slug = s.sub_flow_slug
      cross join lateral (
        select coalesce(
          pgflow._value_at(
            n.run_id, jsonb_build_object('source', i.source, 'step', i.from_step_slug, 'path', to_jsonb(i.path))
          ),
          'null'
        ) as payload
        offset 0
      ) as a
    ),
    states as (
      insert into pgflow.step_states (run_id, step_slug, started_at)
      select w.run_id, w.step_slug, v_now from wanted as w
    )
    select
      w.sub_flow_slug, w.current_version, w.error is null as is_fine,
      array_agg(w.run_id) as run_ids, array_agg(w.step_slug) as step_slugs, array_agg(w.error) as errors,
      array_agg(w.owner) as owners, array_agg(w.depth) as depths, array_agg(w.payload) as payloads
    from wanted as w
    group by w.sub_flow_slug, w.current_version, w.error is null
  loop
    if not v_flow.is_fine then
      v_failed_run_ids := v_failed_run_ids || v_flow.run_ids;
      v_failed_step_slugs := v_failed_step_slugs || v_flow.step_slugs;
      v_errors := v_errors || v_flow.errors;
      continue;
    end if;
    perform pgflow._open_sub_runs(
      v_flow.sub_flow_slug, v_flow.current_version, v_flow.run_ids, v_flow.step_slugs,
      array_fill(0, array[cardinality(v_flow.run_ids)]), v_flow.owners, v_flow.depths, v_flow.payloads
    );
  end loop;

  if v_failed_run_ids is not null then
    select array_agg(f.run_id), array_agg(f.step_slug) into run_ids, step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return next;
end;
$$;

-- _sub_flow_error: what is wrong about a sub-run that has ended.
-- Called by: _end_sub_flows, _sub_run_outcomes.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the error that the step gets; null when the run has completed with a result that fits.
create or replace function pgflow._sub_flow_error(
  p_sub_run_id uuid, p_schema_id bytea, p_result jsonb
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
begin
  select r.flow_slug, r.status, r.error into strict v_run
  from pgflow.runs as r
  where r.run_id = p_sub_run_id;
  if v_run.status = 'completed' then
    -- The sub-flow may be newer than the step that was compiled with it.
    return pgflow._result_error(pgflow._check_value(p_schema_id, p_result));
  end if;
  return jsonb_build_object(
    'code', 'PF630',
    'type', 'SubFlowError',
    'message', format(
      'run %s of flow %L has %s: %s', p_sub_run_id, v_run.flow_slug,
      case v_run.status when 'cancelled' then 'been cancelled' else v_run.status end,
      coalesce(v_run.error ->> 'reason', v_run.error ->> 'message')
    ),
    'sub_run_id', p_sub_run_id,
    'error', v_run.error
  );
end;
$$;

-- _sub_flow_maps_done: which maps of sub-flows have an end of each item; those that may begin more get a timer.
-- Of those that fail, neither.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     the queue of notifications, at commit, when there are further ones to begin.
-- Raises:    nothing.
-- Returns:   one row: the steps that are done, or nulls.
create or replace function pgflow._sub_flow_maps_done(
  p_run_ids uuid [], p_step_slugs text [], p_failed_run_ids uuid [], p_failed_step_slugs text []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_has_more boolean;
begin
  with map as materialized (
    select n.run_id, n.step_slug, m.begun_count = m.tasks_count as has_begun, o.open_count
    from (
      select n.run_id, n.step_slug from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
      except
      select f.run_id, f.step_slug from unnest(p_failed_run_ids, p_failed_step_slugs) as f (run_id, step_slug)
    ) as n
    join pgflow.maps as m on m.run_id = n.run_id and m.step_slug = n.step_slug
    cross join lateral (
      select count(*) as open_count
      from pgflow.sub_runs as x
      where x.run_id = n.run_id and x.step_slug = n.step_slug and x.is_open
      offset 0
    ) as o
  ),
  more as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
    select m.run_id, m.step_slug, 'sub_flow', v_now, -1
    from map as m
    where not m.has_begun and m.open_count < pgflow._most_sub_runs()
    on conflict do nothing
    returning true
  )
  select
    array_agg(m.run_id) filter (where m.has_begun and m.open_count = 0),
    array_agg(m.step_slug) filter (where m.has_begun and m.open_count = 0),
    exists (select 1 from more)
  into run_ids, step_slugs, v_has_more
  from map as m;
  if v_has_more then
    perform pgflow._announce_timers(v_now);
  end if;
  return next;
end;
$$;

-- _sub_flow_progress: which run a step has started; of a map of sub-flows, how far it is.
-- Called by: get_run, _explain_sub_runs.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for a step that has begun: the sub-run of a step that is no map; of a map, its items by
--            state, running those whose sub-run is open, and five of its sub-runs, of those that are open while
--            it is at work.
create or replace function pgflow._sub_flow_progress(p_run_id uuid, p_step_slug text, p_status text)
returns table (sub_run_id uuid, tasks jsonb, sub_runs jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select
    null::uuid,
    jsonb_build_object(
      'total', m.tasks_count,
      'completed', case
        when p_status = 'started' then m.begun_count - o.running - m.skipped_count else m.completed_count
      end,
      'skipped', m.skipped_count,
      'running', o.running,
      'waiting', case when p_status = 'started' then m.tasks_count - m.begun_count else 0 end
    ),
    (
      select coalesce(
        jsonb_agg(
          jsonb_build_object('task_index', n.task_index, 'run_id', n.sub_run_id) order by n.task_index
        ),
        '[]'
      )
      from (
        (
          select x.task_index, x.sub_run_id
          from pgflow.sub_runs as x
          where x.run_id = p_run_id and x.step_slug = p_step_slug and x.is_open and p_status = 'started'
          order by x.task_index
          limit 5
        )
        union all
        (
          select x.task_index, x.sub_run_id
          from pgflow.sub_runs as x
          where x.run_id = p_run_id and x.step_slug = p_step_slug and p_status <> 'started'
          order by x.task_index
          limit 5
        )
      ) as n
    )
  from pgflow.maps as m
  cross join lateral (
    select count(*) as running
    from pgflow.sub_runs as x
    where x.run_id = p_run_id and x.step_slug = p_step_slug and x.is_open and p_status = 'started'
  ) as o
  where m.run_id = p_run_id
    and m.step_slug = p_step_slug
  union all
  select x.sub_run_id, null, null
  from pgflow.sub_runs as x
  where x.run_id = p_run_id
    and x.step_slug = p_step_slug
    and x.task_index = 0
    and not exists (
      select 1 from pgflow.maps as m where m.run_id = p_run_id and m.step_slug = p_step_slug
    );
$$;

-- _sub_run_outcomes: what the sub-runs of maps that have ended came to.
-- Called by: _advance_sub_flow_maps, which holds the locks of the parents.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one for each; none for items of steps that do not wait any more.
create or replace function pgflow._sub_run_outcomes(p_due pgflow.timers []) returns pgflow.item_outcome []
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select (
      x.run_id, x.step_slug, x.task_index, o.result,
      pgflow._sub_flow_error(x.sub_run_id, c.result_schema_id, o.result)
    )::pgflow.item_outcome
    from unnest(p_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    join pgflow.step_states as ss
      on ss.run_id = d.run_id and ss.step_slug = d.step_slug and ss.status = 'started'
    join pgflow.sub_runs as x
      on x.run_id = d.run_id and x.step_slug = d.step_slug and x.task_index = d.task_index
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = d.step_slug
    join pgflow.contracts as c on c.contract_id = s.contract_id
    cross join lateral (
      select pgflow._run_output(x.sub_run_id, s.sub_step_slug) as result offset 0
    ) as o
  );
end;
$$;

-- _tell_parents: let the runs that have started these, which have ended, know it, if they still wait for them.
-- By a timer that is due, not at once: a run and its parent are never locked in one transaction, whose
-- order of locks would depend on who started whom.
-- Called by: _complete_runs, _end_runs.
-- Locks:     the queue of notifications, at commit.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._tell_parents(p_sub_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into pgflow.timers (run_id, step_slug, kind, due_at, task_index)
  select r.parent_run_id, r.parent_step_slug, 'sub_flow', pgflow._now(), r.parent_task_index
  from pgflow.runs as r
  cross join lateral (
    select 1
    from pgflow.sub_runs as s
    where s.run_id = r.parent_run_id
      and s.step_slug = r.parent_step_slug
      and s.task_index = r.parent_task_index
      and s.is_open
    offset 0
  ) as s
  where r.run_id = any (p_sub_run_ids)
  on conflict do nothing;
  if found then
    perform pgflow._announce_timers(pgflow._now());
  end if;
end;
$$;

-- _tell_sub_runs: let what these runs, or some steps of them, have started end as well: they have ended early.
-- By timers, as _tell_parents says.
-- Called by: _end_runs, _end_map_steps.
-- Locks:     the queue of notifications, at commit, when there is any.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._tell_sub_runs(
  p_run_ids uuid [],
  p_step_slugs text [] default null  -- of each run, which step has ended; null: all
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
begin
  with told as (
    update pgflow.sub_runs as s
    set is_open = false
    from unnest(p_run_ids, p_step_slugs) as n (run_id, step_slug)
    where s.run_id = n.run_id
      and s.step_slug = coalesce(n.step_slug, s.step_slug)
      and s.is_open
    returning s.sub_run_id
  )
  insert into pgflow.timers (run_id, step_slug, kind, due_at)
  select t.sub_run_id, '', 'parent', pgflow._now()
  from told as t
  on conflict do nothing;
  if found then
    perform pgflow._announce_timers(pgflow._now());
  end if;
end;
$$;

-- _check_claim: refuse limits and leases that make no sense.
-- Called by: claim_tasks, exchange_tasks, extend_leases.
-- Locks:     none.
-- Raises:    PF203.
-- Returns:   nothing.
create or replace function pgflow._check_claim(
  p_limit integer, p_lease_seconds double precision
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_limit between 1 and 100000 and p_lease_seconds between 0.1 and 86400 then
    return;
  end if;
  raise exception using
    errcode = 'PF203',
    message = format(
      'p_limit is %s and p_lease_seconds is %s; allowed are 1 to 100000 and 0.1 to 86400',
      coalesce(p_limit::text, 'null'), coalesce(p_lease_seconds::text, 'null')
    ),
    detail = jsonb_build_object('p_limit', p_limit, 'p_lease_seconds', p_lease_seconds)::text,
    hint = 'pass values within these ranges';
end;
$$;

-- _claim_from: where claims of this session begin to look, while looking from the start is slow.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null, which is the rule: look from the start; else by contract the oldest available_at
--            to look at. See _keep_claim_from.
create or replace function pgflow._claim_from() returns jsonb
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select k.kept
  from (select nullif(current_setting('pgflow.claim_from', true), '')::jsonb as kept) as k
  where (k.kept ->> 'until')::timestamptz > clock_timestamp();
$$;

-- _complete_batch: store the results of a batch, start what they make ready, end what is done.
-- Called by: complete_tasks, exchange_tasks.
-- Locks:     runs by id, then step states, then leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   the ordinals of the tasks that are completed by it, and the leases of those that have
--            become ready and were handed to the worker, instead of being queued.
create or replace function pgflow._complete_batch(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_worker_id uuid,  -- null: nothing is handed over
  p_taking integer,  -- how many tasks the worker takes in this transaction
  p_lease_seconds double precision,
  out ordinals integer [],
  out handed pgflow.leases []
)
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_now timestamptz;
  v_worker_id uuid;
  v_run_ids uuid[];
  v_step_slugs text[];
  v_fits boolean[];
  v_errors jsonb[];
  v_unfit bigint;
  v_of_map boolean[];  -- null when no task of the batch is one of a map step
  v_items pgflow.map_results[];
  v_special pgflow.ready_step[];
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
    array[cardinality(p_results), case when array_position(p_results, null) is null then cardinality(p_results) end]
  );
  select
    array_agg(k.fits order by k.ordinal), array_agg(k.error order by k.ordinal), count(k.error),
    case when bool_or(k.of_map) then array_agg(k.of_map order by k.ordinal) end
  into v_fits, v_errors, v_unfit, v_of_map
  from pgflow._check_results(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results) as k;
  perform pgflow._lock_runs(p_run_ids);
  v_now := pgflow._now();

  with reported as (
    select n.*
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_fits, v_of_map)
      with ordinality as n (run_id, step_slug, task_index, lease_id, result, fits, of_map, ordinal)
    where n.fits
  ),
  ended as (
    delete from pgflow.leases as l
    using reported as n
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.result, n.of_map, n.ordinal
  ),
  states as (
    update pgflow.step_states as s
    set status = 'completed', step_result = e.result, ended_at = v_now,
      attempt = e.attempt, lease_id = e.lease_id, worker_id = e.worker_id, claimed_at = e.claimed_at
    from ended as e
    where s.run_id = e.run_id
      and s.step_slug = e.step_slug
      and e.of_map is not true
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
    )
    select
      e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id,
      'completed', e.claimed_at, v_now
    from ended as e
    where v_of_map is not null and e.of_map
  )
  select
    array_agg(e.run_id) filter (where e.of_map is not true),
    array_agg(e.step_slug) filter (where e.of_map is not true),
    array_agg((e.run_id, e.step_slug, e.task_index, e.result)::pgflow.map_results) filter (where e.of_map),
    array_agg(e.ordinal), coalesce(p_worker_id, (array_agg(e.worker_id))[1])
  into v_run_ids, v_step_slugs, v_items, ordinals, v_worker_id
  from ended as e;

  if v_items is not null then
    select v_run_ids || array_agg(m.run_id), v_step_slugs || array_agg(m.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._complete_items(v_items) as m;
  end if;

  if v_run_ids is not null then
    select r.handed, r.special into handed, v_special
    from pgflow._start_ready_steps(
      v_run_ids, v_step_slugs, v_worker_id, p_taking, p_lease_seconds
    ) as r;
    if v_special is not null then
      perform pgflow._start_special_steps(v_special, v_worker_id);
    end if;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
    perform pgflow._notify_watchers(v_run_ids);
  end if;
  if v_unfit > 0 then
    perform pgflow._fail_unfit(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, v_errors);
  end if;
  if handed is not null and (v_unfit > 0 or v_special is not null) then
    -- What was handed over is gone when its run has failed by another step of the batch. Nobody was told
    -- of it, so there was no attempt.
    delete from pgflow.attempt_log as a
    using unnest(handed) as h
    where a.run_id = h.run_id
      and a.step_slug = h.step_slug
      and a.task_index = h.task_index
      and a.lease_id = h.lease_id;
    handed := array(
      select h
      from unnest(handed) as h
      join pgflow.leases as l
        on l.run_id = h.run_id and l.step_slug = h.step_slug and l.task_index = h.task_index
    );
  end if;
end;
$$;

-- _end_attempts: end attempts that brought no result; queue the tasks again or give them up.
-- Called by: fail_tasks, _fail_unfit, _expire_leases. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   one row for each lease that was still held: 'retried' with the time, or 'failed' when
--            there is no further attempt, or its step or run has ended by another one of the batch.
create or replace function pgflow._end_attempts(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_outcome text,
  p_errors jsonb [],
  p_retryable boolean [],
  p_retry_after_seconds double precision []
) returns table (lease_id uuid, outcome text, retry_at timestamptz)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_ended pgflow.ended_attempt[];
  v_contract_ids integer[];
begin
  with ended as (
    delete from pgflow.leases as l
    using unnest(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
      p_errors, p_retryable, p_retry_after_seconds
    ) as n (run_id, step_slug, task_index, lease_id, error, retryable, retry_after_seconds)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.error, n.retryable, n.retry_after_seconds
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, error,
      started_at, ended_at
    )
    select
      e.run_id, e.step_slug, e.task_index, e.lease_id, e.attempt, e.worker_id, p_outcome, e.error,
      e.claimed_at, v_now
    from ended as e
  )
  select
    array_agg(
      (
        e.run_id, e.step_slug, e.task_index, e.lease_id, e.contract_id, e.attempt,
        case
          when c.over_source is null then e.error
          else coalesce(e.error, '{}') || jsonb_build_object('task_index', e.task_index)
        end,
        case
          when coalesce(e.retryable, true) and e.attempt < c.max_attempts then
            v_now + coalesce(
              -- At most a year: infinity and NaN would end the whole batch with an error. Null is
              -- asked for first, because `greatest` and `least` pass over nulls.
              case when e.retry_after_seconds is not null then
                make_interval(secs => least(greatest(e.retry_after_seconds, 0), 31536000))
              end,
              pgflow._retry_delay(
                e.attempt, c.base_delay_seconds, c.max_delay_seconds, c.jitter, c.backoff
              )
            )
        end
      )::pgflow.ended_attempt
    )
  into v_ended
  from ended as e
  join pgflow.contracts as c on c.contract_id = e.contract_id;

  with queued as (
    insert into pgflow.tasks as t (
      run_id, step_slug, task_index, contract_id, attempts_count, available_at
    )
    select e.run_id, e.step_slug, e.task_index, e.contract_id, e.attempt, e.retry_at
    from unnest(v_ended) as e
    where e.retry_at is not null
    returning t.contract_id, t.available_at
  )
  select array_agg(q.contract_id) filter (where q.available_at <= v_now)
  into v_contract_ids
  from queued as q;
  perform pgflow._wake_workers(v_contract_ids);

  -- What was queued just now is gone again when this ends its step or its run.
  perform pgflow._give_up(array_agg(e))
  from unnest(v_ended) as e
  where e.retry_at is null
  having count(*) > 0;

  perform pgflow._notify_watchers(p_run_ids);
  return query
  select
    e.lease_id,
    case when t.available_at is null then 'failed' else 'retried' end,
    t.available_at
  from unnest(v_ended) as e
  left join lateral (
    select t.available_at
    from pgflow.tasks as t
    where t.run_id = e.run_id and t.step_slug = e.step_slug and t.task_index = e.task_index
    offset 0
  ) as t on true;
end;
$$;

-- _fail_unfit: fail the tasks of a batch whose results do not fit; a repeat would end the same way.
-- Called by: _complete_batch. The caller holds the locks of the runs.
-- Locks:     step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._fail_unfit(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_errors jsonb []  -- null for a task whose result does fit
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow._end_attempts(
    array_agg(n.run_id),
    array_agg(n.step_slug),
    array_agg(n.task_index),
    array_agg(n.lease_id),
    'failed',
    array_agg(n.error),
    array_agg(false),
    array_agg(null::double precision)
  )
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_errors)
    as n (run_id, step_slug, task_index, lease_id, error)
  where n.error is not null;
end;
$$;

-- _give_up: what follows from attempts that were the last: a null in the list of a map step that skips its
-- items, otherwise the step fails or is skipped (_fail_steps). Then start what may go on without them.
-- Called by: _end_attempts. The caller holds the locks of the runs and ended the leases in an earlier statement.
-- Locks:     step states, tasks, leases of the runs.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._give_up(p_attempts pgflow.ended_attempt []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_items pgflow.map_results[];
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_run_ids uuid[];
  v_step_slugs text[];
  v_special pgflow.ready_step[];
begin
  select
    array_agg((a.run_id, a.step_slug, a.task_index, 'null'::jsonb)::pgflow.map_results) filter (where k.is_item),
    array_agg(a.run_id order by a.step_slug, a.task_index) filter (where not k.is_item),
    array_agg(a.step_slug order by a.step_slug, a.task_index) filter (where not k.is_item),
    array_agg(a.error order by a.step_slug, a.task_index) filter (where not k.is_item)
  into v_items, v_failed_run_ids, v_failed_step_slugs, v_errors
  from unnest(p_attempts) as a
  cross join lateral (
    select s.kind = 'map' and s.on_failure = 'skip' as is_item
    from pgflow.runs as r
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = a.step_slug
    where r.run_id = a.run_id
    offset 0
  ) as k;

  if v_items is not null then
    update pgflow.maps as m
    set skipped_count = m.skipped_count + n.skipped_count
    from (
      select i.run_id, i.step_slug, count(*) as skipped_count
      from unnest(v_items) as i
      group by i.run_id, i.step_slug
    ) as n
    where m.run_id = n.run_id
      and m.step_slug = n.step_slug;
    select array_agg(c.run_id), array_agg(c.step_slug) into v_run_ids, v_step_slugs
    from pgflow._complete_items(v_items) as c;
  end if;
  if v_failed_run_ids is not null then
    select v_run_ids || array_agg(f.run_id), v_step_slugs || array_agg(f.step_slug)
    into v_run_ids, v_step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;

  if v_run_ids is not null then
    select r.special into v_special
    from pgflow._start_ready_steps(v_run_ids, v_step_slugs, null, 0, 0) as r;
    if v_special is not null then
      perform pgflow._start_special_steps(v_special);
    end if;
    perform pgflow._complete_runs(v_run_ids, v_step_slugs);
  end if;
end;
$$;

-- _keep_claim_from: after a claim that was slow, let this session look from where it found something.
-- While a transaction somewhere holds an old snapshot, what was claimed stays behind as dead rows at
-- the beginning of the index, and a claim that looks from the start reads them all: after 500,000
-- tasks a worker ran at a fourth of its speed. With this it does not slow down.
-- It is a hint of the session, never written to a table. What is committed more than 0.2 s after
-- it was queued may lie before it, so from time to time a claim looks from the start again: so seldom
-- that it takes a twentieth of the time. A claim from the start takes far less than a millisecond
-- when nobody holds an old snapshot, and then nothing is kept at all.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._keep_claim_from(
  p_contract_ids integer [],
  p_from jsonb,  -- what was in force for the claim
  p_oldest jsonb,  -- by contract, the oldest available_at that it took
  p_exhausted_at timestamptz,  -- its time, when it took all that waited; else null
  p_took interval
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config(
    'pgflow.claim_from',
    (
      coalesce(p_from, jsonb_build_object('until', clock_timestamp() + 20 * p_took))
      || coalesce(
        (
          select jsonb_object_agg(c.contract_id, f.available_at - interval '200 milliseconds')
          from unnest(p_contract_ids) as c (contract_id)
          cross join lateral (
            select coalesce(
              (p_oldest ->> c.contract_id::text)::timestamptz,
              case when p_from is null then p_exhausted_at end
            ) as available_at
          ) as f
          where f.available_at is not null
        ),
        '{}'
      )
    )::text,
    false
  );
end;
$$;

-- _outcomes: tell for each task of a batch what its report came to.
-- Called by: complete_tasks, exchange_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as complete_tasks.
create or replace function pgflow._outcomes(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_completed integer []  -- ordinals of those that _complete_batch completed
) returns table (ordinal integer, outcome text, error jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  v_completed integer[] := p_completed;
begin
  if cardinality(p_completed) = cardinality(p_run_ids) then
    return query
    select n::integer, 'completed', null::jsonb from generate_series(1, cardinality(p_run_ids)) as n;
    return;
  end if;
  v_completed := v_completed
    || pgflow._repeated_items(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results);
  return query
  select
    n.ordinal::integer,
    case
      when n.ordinal = any (v_completed) then 'completed'
      when exists (
        select 1
        from pgflow.step_states as s
        where s.run_id = n.run_id
          and s.step_slug = n.step_slug
          and s.lease_id = n.lease_id
          and s.step_result = n.result
          and n.task_index = 0
      ) then 'completed'
      when f.error is not null then 'failed'
      else 'stale'
    end,
    f.error
  from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results)
    with ordinality as n (run_id, step_slug, task_index, lease_id, result, ordinal)
  left join lateral (
    select a.error
    from pgflow.attempt_log as a
    where a.run_id = n.run_id
      and a.step_slug = n.step_slug
      and a.task_index = n.task_index
      and a.lease_id = n.lease_id
      and a.outcome = 'failed'
      and a.error ->> 'code' in ('PF606', 'PF607', 'PF608')
  ) as f on true
  order by n.ordinal;
end;
$$;

-- _retry_delay: how long to wait before the next attempt: exponential or fixed, capped, with jitter.
-- Jitter spreads the retries of tasks that failed together ("Exponential Backoff And Jitter",
-- AWS Architecture Blog, 2015); 0 gives the full delay, 1 anything between nothing and it.
-- Called by: _end_attempts.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   base, or base * 2^(attempt - 1) when exponential; at most max, less a random share of up to
--            p_jitter.
create or replace function pgflow._retry_delay(
  p_attempt integer,
  p_base_seconds double precision,
  p_max_seconds double precision,
  p_jitter double precision,
  p_backoff text
) returns interval
language sql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select make_interval(
    -- 2^60 seconds is beyond every cap; the bound keeps the power from overflowing.
    secs => least(
      p_max_seconds,
      p_base_seconds
        * case p_backoff when 'fixed' then 1 else power(2.0::double precision, least(p_attempt - 1, 60)) end
    ) * (1 - p_jitter * random())
  );
$$;

-- _rotate: the same elements, beginning at a random one.
-- Called by: claim_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the rotated array.
create or replace function pgflow._rotate(p_ids integer []) returns integer []
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_offset integer := floor(random() * cardinality(p_ids));
begin
  return p_ids[v_offset + 1:] || p_ids[:v_offset];
end;
$$;

-- _with_arguments: what a worker must know to run the tasks that it has just been given.
-- Called by: claim_tasks, exchange_tasks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as claim_tasks: each task with its lease, the options of its step, and the arguments of
--            its handler, gathered from payload and results.
create or replace function pgflow._with_arguments(p_leases pgflow.leases []) returns table (
  run_id uuid,
  step_slug text,
  task_index integer,
  attempt integer,
  lease_id uuid,
  contract_id integer,
  leased_until timestamptz,
  timeout_seconds double precision,
  max_attempts integer,
  args jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  select
    l.run_id, l.step_slug, l.task_index, l.attempt, l.lease_id, l.contract_id, l.leased_until,
    c.timeout_seconds, c.max_attempts,
    coalesce(
      jsonb_object_agg(
        i.parameter,
        case
          when i.source = 'each' then (
            select m.item
            from pgflow.map_items as m
            where m.run_id = l.run_id and m.step_slug = l.step_slug and m.task_index = l.task_index
          ) #> i.path
          when c.over_source is not null then (
            select m.shared_args -> i.parameter
            from pgflow.maps as m
            where m.run_id = l.run_id and m.step_slug = l.step_slug
          )
          when i.source = 'payload' then (
            select r.payload from pgflow.runs as r where r.run_id = l.run_id
          ) #> i.path
          when i.source = 'result' then (
            select s.step_result
            from pgflow.step_states as s
            where s.run_id = l.run_id and s.step_slug = i.from_step_slug
          ) #> i.path
          else (
            select r.error from pgflow.runs as r where r.run_id = l.run_id
          ) #> i.path
        end
      ) filter (where i.parameter is not null),
      '{}'
    )
  from unnest(p_leases) as l
  join pgflow.contracts as c on c.contract_id = l.contract_id
  left join pgflow.step_inputs as i on i.contract_id = l.contract_id
  -- Subqueries by whole key, not joins: from a plan made while the tables were small, a join
  -- read step_states by step_slug alone (17,000 steps/s fell to 1,100). And one grouping, not a
  -- join of gathered arguments with leases, which was quadratic: 12 of 17 ms for 500 tasks.
  group by
    l.lease_id, l.run_id, l.step_slug, l.task_index, l.attempt, l.contract_id, l.leased_until,
    c.timeout_seconds, c.max_attempts;
end;
$$;

-- claim_tasks: take up to p_limit waiting tasks that this worker has handlers for.
-- Each comes with a lease and with the arguments of its handler, gathered from payload and results.
-- Called by: worker, whenever it has capacity and nothing to report; exchange_tasks.
-- Locks:     tasks, skipping those that others hold; never waits.
-- Raises:    PF104 unknown or dead worker; PF203 limit or lease out of range.
-- Returns:   the claimed tasks; fewer than asked means that no more are waiting now.
create or replace function pgflow.claim_tasks(
  p_worker_id uuid,
  p_limit integer,
  p_lease_seconds double precision default 30
) returns table (
  run_id uuid,
  step_slug text,
  task_index integer,
  attempt integer,
  lease_id uuid,
  contract_id integer,
  leased_until timestamptz,
  timeout_seconds double precision,
  max_attempts integer,
  args jsonb
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_began timestamptz := clock_timestamp();
  v_now timestamptz := pgflow._now();
  v_from jsonb := pgflow._claim_from();
  v_oldest jsonb;
  v_contract_ids integer[];
  v_idle boolean;
  v_leases pgflow.leases[];
begin
  perform pgflow._check_claim(p_limit, p_lease_seconds);
  select w.contract_ids, w.idle into v_contract_ids, v_idle
  from pgflow.workers as w
  where w.worker_id = p_worker_id
    and w.status = 'running';
  if not found then
    perform pgflow._raise_worker_not_found(p_worker_id);
  end if;

  -- Contracts are asked in turn until p_limit rows are locked, and not one row more; from another
  -- one each time, so that the backlog of one flow cannot starve the others.
  v_contract_ids := pgflow._rotate(v_contract_ids);
  with taken as (
    delete from pgflow.tasks as t
    where t.ctid = any (
      array(
        select q.ctid
        from unnest(v_contract_ids) as c (contract_id)
        cross join lateral (
          select t2.ctid
          from pgflow.tasks as t2
          where t2.contract_id = c.contract_id
            and t2.available_at <= v_now
            and t2.available_at >= coalesce((v_from ->> c.contract_id::text)::timestamptz, '-infinity')
          order by t2.available_at
          limit p_limit
          for update skip locked
        ) as q
        limit p_limit
      )
    )
    returning t.*
  ),
  leased as (
    insert into pgflow.leases as l (
      run_id, step_slug, task_index, contract_id, attempt, lease_id, worker_id,
      claimed_at, leased_until
    )
    select
      t.run_id, t.step_slug, t.task_index, t.contract_id, t.attempts_count + 1,
      gen_random_uuid(), p_worker_id, v_now, v_now + make_interval(secs => p_lease_seconds)
    from taken as t
    returning l as lease
  )
  select
    coalesce((select array_agg(l.lease) from leased as l), '{}'),
    (
      select jsonb_object_agg(o.contract_id, o.available_at)
      from (
        select t.contract_id, min(t.available_at) as available_at from taken as t group by t.contract_id
      ) as o
    )
  into v_leases, v_oldest;

  if v_from is not null or clock_timestamp() - v_began > interval '10 ms' then
    perform pgflow._keep_claim_from(
      v_contract_ids, v_from, v_oldest,
      case when cardinality(v_leases) < p_limit then v_now end, clock_timestamp() - v_began
    );
  end if;
  if v_idle <> (cardinality(v_leases) < p_limit) then
    update pgflow.workers as w set idle = not v_idle where w.worker_id = p_worker_id;
  end if;
  return query
  select a.* from pgflow._with_arguments(v_leases) as a;
end;
$$;

-- complete_tasks: store the results of a batch, start what they make ready, end what is done.
-- A result that does not fit its schema or budget fails its step, and with it the run; or the step is
-- skipped, or its item null, if that is its policy.
-- Called by: worker, when it claims nothing more, and one that works task by task; complete_step.
-- Locks:     runs by id, then step states, then leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'completed'; 'failed' with the error, because the result does not
--            fit; or 'stale' when the lease is over. A task of the batch that is stale changes nothing,
--            and neither kind touches the others. A repeat of a report is answered as before.
create or replace function pgflow.complete_tasks(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb []
) returns table (ordinal integer, outcome text, error jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_completed integer[];
begin
  select b.ordinals into v_completed
  from pgflow._complete_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, null, 0, 0
  ) as b;
  return query
  select o.ordinal, o.outcome, o.error
  from pgflow._outcomes(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_completed
  ) as o;
end;
$$;

-- exchange_tasks: complete a batch and claim the next tasks, in one call.
-- A step that the batch makes ready is handed to the worker at once, when it serves it and has room,
-- and is never queued: 300 bytes of WAL less per such step, and no way through the queue and its
-- indexes. One of the p_limit tasks is always left to the queue, so that what waits there moves on
-- however many steps the runs at hand still have.
-- Called by: worker, whenever it has results and capacity.
-- Locks:     runs by id, then step states, then leases; then tasks, skipping those that others hold.
-- Raises:    PF104 unknown or dead worker; PF203 limit or lease out of range; PF209 arrays differ;
--            PF503 isolation level.
-- Returns:   a row for each report that was not completed, with ordinal, outcome and error as
--            complete_tasks tells them; then one for each task claimed, as claim_tasks returns it.
create or replace function pgflow.exchange_tasks(
  p_worker_id uuid,
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_results jsonb [],
  p_limit integer,
  p_lease_seconds double precision default 30
) returns table (
  ordinal integer,
  outcome text,
  error jsonb,
  run_id uuid,
  step_slug text,
  task_index integer,
  attempt integer,
  lease_id uuid,
  contract_id integer,
  leased_until timestamptz,
  timeout_seconds double precision,
  max_attempts integer,
  args jsonb
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_completed integer[];
  v_handed pgflow.leases[];
begin
  perform pgflow._check_claim(p_limit, p_lease_seconds);
  select b.ordinals, coalesce(b.handed, '{}') into v_completed, v_handed
  from pgflow._complete_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results,
    p_worker_id, p_limit, p_lease_seconds
  ) as b;
  if cardinality(v_completed) is distinct from cardinality(p_run_ids) then
    return query
    select
      o.ordinal, o.outcome, o.error, null::uuid, null::text, null::integer, null::integer,
      null::uuid, null::integer, null::timestamptz, null::double precision, null::integer, null::jsonb
    from pgflow._outcomes(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, p_results, v_completed
    ) as o
    where o.outcome <> 'completed';
  end if;
  return query
  select null::integer, null::text, null::jsonb, a.*
  from pgflow._with_arguments(v_handed) as a;
  return query
  select null::integer, null::text, null::jsonb, t.*
  from pgflow.claim_tasks(p_worker_id, p_limit - cardinality(v_handed), p_lease_seconds) as t;
end;
$$;

-- extend_leases: keep tasks ours for p_lease_seconds more, from now.
-- Called by: worker, from a thread of its own, well before the leases end.
-- Locks:     runs by id, then leases.
-- Raises:    PF203 lease out of range; PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: the new end, or null when the lease is lost: stop the handler.
create or replace function pgflow.extend_leases(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_lease_seconds double precision default 30
) returns table (ordinal integer, leased_until timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  perform pgflow._require_read_committed();
  perform pgflow._check_claim(1, p_lease_seconds);
  perform pgflow._require_batch(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids);
  -- The lock of the runs, so that this never meets a report of the same leases in another order.
  perform pgflow._lock_runs(p_run_ids);
  return query
  with extended as (
    update pgflow.leases as l
    set leased_until = pgflow._now() + make_interval(secs => p_lease_seconds)
    from unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids)
      as n (run_id, step_slug, task_index, lease_id)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.lease_id, l.leased_until
  )
  select n.ordinal::integer, e.leased_until
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  left join extended as e on e.lease_id = n.lease_id
  order by n.ordinal;
end;
$$;

-- fail_tasks: record failed attempts; retry each task, or fail its step and its run, or skip the step.
-- Called by: worker, when a handler raised, ran out of time or returned what cannot be stored.
-- Locks:     runs by id, then step states, then tasks and leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'retried' with the time of the next attempt, 'failed' when there
--            is none, because its step has ended or another one of the batch has ended its run,
--            'stale' when the lease is over.
create or replace function pgflow.fail_tasks(
  p_run_ids uuid [],
  p_step_slugs text [],
  p_task_indexes integer [],
  p_lease_ids uuid [],
  p_errors jsonb [],            -- {"code", "type", "message", "traceback"}
  p_retryable boolean [],       -- false: another attempt would end the same way
  p_retry_after_seconds double precision []  -- null: the back-off of the options; a year at most
) returns table (ordinal integer, outcome text, retry_at timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(
    p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids,
    array[cardinality(p_errors), cardinality(p_retryable), cardinality(p_retry_after_seconds)]
  );
  perform pgflow._lock_runs(p_run_ids);
  return query
  with answered as (
    select e.*
    from pgflow._end_attempts(
      p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids, 'failed',
      p_errors, p_retryable, p_retry_after_seconds
    ) as e
  )
  select
    n.ordinal::integer,
    coalesce(a.outcome, 'stale'),
    a.retry_at
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  left join answered as a on a.lease_id = n.lease_id
  order by n.ordinal;
end;
$$;

-- release_tasks: give tasks back unfinished; the attempt does not count.
-- Called by: worker, when it shuts down.
-- Locks:     runs by id, then tasks and leases.
-- Raises:    PF209 arrays differ; PF503 isolation level.
-- Returns:   per task, in order: 'released', or 'stale' when the lease is over.
create or replace function pgflow.release_tasks(
  p_run_ids uuid [], p_step_slugs text [], p_task_indexes integer [], p_lease_ids uuid []
) returns table (ordinal integer, outcome text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_now timestamptz;
  v_ordinals integer[];
  v_contract_ids integer[];
begin
  perform pgflow._require_read_committed();
  perform pgflow._require_batch(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids);
  perform pgflow._lock_runs(p_run_ids);
  v_now := pgflow._now();
  with released as (
    delete from pgflow.leases as l
    using unnest(p_run_ids, p_step_slugs, p_task_indexes, p_lease_ids)
      with ordinality as n (run_id, step_slug, task_index, lease_id, ordinal)
    where l.run_id = n.run_id
      and l.step_slug = n.step_slug
      and l.task_index = n.task_index
      and l.lease_id = n.lease_id
    returning l.*, n.ordinal
  ),
  history as (
    insert into pgflow.attempt_log (
      run_id, step_slug, task_index, lease_id, attempt, worker_id, outcome, started_at, ended_at
    )
    select
      r.run_id, r.step_slug, r.task_index, r.lease_id, r.attempt, r.worker_id,
      'released', r.claimed_at, v_now
    from released as r
  ),
  queued as (
    insert into pgflow.tasks (
      run_id, step_slug, task_index, contract_id, attempts_count, available_at
    )
    select r.run_id, r.step_slug, r.task_index, r.contract_id, r.attempt - 1, v_now
    from released as r
  )
  select array_agg(r.ordinal), array_agg(r.contract_id) into v_ordinals, v_contract_ids
  from released as r;

  perform pgflow._wake_workers(v_contract_ids);
  perform pgflow._notify_watchers(p_run_ids);
  return query
  select n.ordinal::integer, case when n.ordinal = any (v_ordinals) then 'released' else 'stale' end
  from unnest(p_lease_ids) with ordinality as n (lease_id, ordinal)
  order by n.ordinal;
end;
$$;

-- _announce_timers: tell the workers of a timer that may be due before they sweep again anyway.
-- Called by: _start_signals, _tell_parents, _tell_sub_runs, _start_sleeps, _start_runs,
--            _start_map_wave, _sub_flow_maps_done.
-- Locks:     the queue of notifications, at commit.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._announce_timers(p_due_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_due_at < pgflow._now() + interval '1 minute' then
    perform pg_notify('pgflow_work', 'timer');
  end if;
end;
$$;

-- _fire_timers: let what is due happen: sleeps and waits for signals end, runs begin or fail.
-- Called by: sweep.
-- Locks:     runs by id, skipping those that others hold, then step states, tasks, leases.
-- Raises:    nothing.
-- Returns:   how many were due.
create or replace function pgflow._fire_timers(p_limit integer) returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[];
  v_step_slugs text[];
  v_due pgflow.timers[];
begin
  -- As in _expire_leases: candidates, then their runs, then again only what is still due.
  v_run_ids := array(
    select r.run_id
    from pgflow.runs as r
    where r.run_id = any (
      array(select t.run_id from pgflow.timers as t where t.due_at <= v_now order by t.due_at limit p_limit)
    )
    order by r.run_id
    for no key update skip locked
  );
  if cardinality(v_run_ids) = 0 then
    return 0;
  end if;
  with fired as (
    delete from pgflow.timers as t
    where t.run_id = any (v_run_ids) and t.due_at <= v_now
    returning t as timer
  )
  select array_agg(f.timer) into v_due from fired as f;

  with ended as (
    update pgflow.step_states as s
    set status = 'completed', step_result = 'null', ended_at = v_now
    from unnest(v_due) as d
    where s.run_id = d.run_id
      and s.step_slug = d.step_slug
      and s.status = 'started'
      and d.kind in ('sleep', 'signal')
    returning s.run_id, s.step_slug
  )
  select array_agg(e.run_id), array_agg(e.step_slug) into v_run_ids, v_step_slugs from ended as e;
  if v_run_ids is not null then
    perform pgflow._advance_runs(v_run_ids, v_step_slugs);
  end if;

  perform pgflow._end_sub_flows(array_agg(d)) from unnest(v_due) as d where d.kind = 'sub_flow' having count(*) > 0;
  perform pgflow._start_runs(b.flow_slug, b.version, b.run_ids, null)
  from (
    select r.flow_slug, r.version, array_agg(r.run_id) as run_ids
    from unnest(v_due) as d
    join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
    where d.kind = 'start'
    group by r.flow_slug, r.version
  ) as b;

  perform pgflow._end_runs(
    array_agg(r.run_id),
    'failed',
    array_agg(jsonb_build_object(
      'code', 'PF620',
      'type', 'RunDeadlineError',
      'message', format('the run has not ended by %s', d.due_at)
    ))
  )
  from unnest(v_due) as d
  join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
  where d.kind = 'deadline'
  having count(*) > 0;
  perform pgflow._end_runs(
    array_agg(r.run_id),
    'cancelled',
    array_agg(jsonb_build_object(
      'message', 'cancelled', 'reason', format('run %s, which had started it, waits for it no longer', r.parent_run_id)
    ))
  )
  from unnest(v_due) as d
  join pgflow.runs as r on r.run_id = d.run_id and r.status = 'started'
  where d.kind = 'parent'
  having count(*) > 0;
  return cardinality(v_due);
end;
$$;

-- _sleep_end: when a sleep is over.
-- Called by: _start_sleeps.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time; null when the value that says it is neither seconds nor a time.
create or replace function pgflow._sleep_end(
  p_run_id uuid, p_sleep jsonb, p_now timestamptz
) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'  -- of a time without an offset
as $$
declare
  -- beyond it, and with infinity, the sum has an error
  c_longest constant double precision := 100 * 365.25 * 86400;
  v_value jsonb := coalesce(p_sleep -> 'seconds', pgflow._value_at(p_run_id, p_sleep -> 'until'));
begin
  return case jsonb_typeof(v_value)
    when 'number' then p_now + make_interval(
      secs => least(greatest((v_value #>> '{}')::numeric, 0), c_longest::numeric)::double precision
    )
    when 'string' then (v_value #>> '{}')::timestamptz
  end;
exception
  when data_exception then
    return null;
end;
$$;

-- _start_sleeps: begin sleeps; those that are over already complete at once.
-- One whose end is neither a number of seconds nor a time fails, and with it its run, or is skipped.
-- Called by: _start_special_wave. The caller holds the locks of the runs, or made them.
-- Locks:     step states, tasks, leases of runs that fail; otherwise none further, the rows are new.
-- Raises:    nothing.
-- Returns:   one row: the steps that have completed, or nulls; what waits for them may be ready now.
create or replace function pgflow._start_sleeps(
  p_steps pgflow.ready_step []
) returns table (run_ids uuid [], step_slugs text [])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := pgflow._now();
  v_failed_run_ids uuid[];
  v_failed_step_slugs text[];
  v_errors jsonb[];
  v_due_at timestamptz;
begin
  with begun as materialized (
    select n.run_id, n.step_slug, s.sleep, e.due_at
    from unnest(p_steps) as n
    -- a run may have failed by another step of the wave
    join pgflow.runs as r on r.run_id = n.run_id and r.status = 'started'
    join pgflow.steps as s
      on s.flow_slug = r.flow_slug and s.version = r.version and s.step_slug = n.step_slug
    cross join lateral (
      select pgflow._sleep_end(n.run_id, s.sleep, v_now) as due_at offset 0
    ) as e
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, status, step_result, started_at, ended_at)
    select
      b.run_id, b.step_slug, case when b.due_at <= v_now then 'completed' else 'started' end,
      case when b.due_at <= v_now then 'null'::jsonb end, v_now, case when b.due_at <= v_now then v_now end
    from begun as b
  ),
  alarms as (
    insert into pgflow.timers (run_id, step_slug, kind, due_at)
    select b.run_id, b.step_slug, 'sleep', b.due_at
    from begun as b
    where b.due_at > v_now
  )
  select
    array_agg(b.run_id) filter (where b.due_at <= v_now),
    array_agg(b.step_slug) filter (where b.due_at <= v_now),
    array_agg(b.run_id) filter (where b.due_at is null),
    array_agg(b.step_slug) filter (where b.due_at is null),
    array_agg(
      jsonb_build_object(
        'code', 'PF621',
        'type', 'SleepInvalidError',
        'message', format(
          'the sleep shall end at %s, which is neither a number of seconds nor a time',
          coalesce(left(pgflow._value_at(b.run_id, b.sleep -> 'until')::text, 200), 'null')
        )
      )
    ) filter (where b.due_at is null),
    min(b.due_at) filter (where b.due_at > v_now)
  into run_ids, step_slugs, v_failed_run_ids, v_failed_step_slugs, v_errors, v_due_at
  from begun as b;

  perform pgflow._announce_timers(v_due_at);
  if v_failed_run_ids is not null then
    select run_ids || array_agg(f.run_id), step_slugs || array_agg(f.step_slug)
    into run_ids, step_slugs
    from pgflow._fail_steps(v_failed_run_ids, v_failed_step_slugs, v_errors) as f;
  end if;
  return next;
end;
$$;

-- _misfit: why a value of a run would not be accepted by another version.
-- Called by: _upgrade_problems.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when it fits; else what was asked about and the first error.
create or replace function pgflow._misfit(p_what text, p_schema_id bytea, p_value jsonb) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select format('%s does not fit: %s', p_what, pgflow._told(e.errors))
  from (select pgflow._check_value(p_schema_id, p_value) as errors offset 0) as e
  where e.errors is not null;
$$;

-- _move_runs: give runs another version, and start what is ready in it.
-- Called by: upgrade_runs, for runs without problems. The caller holds the locks of the runs and of their tasks.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._move_runs(p_targets pgflow.upgrade_target []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := pgflow._now();
  v_run_ids uuid[] := array(select t.run_id from unnest(p_targets) as t);
  v_contract_ids integer[];
  v_special pgflow.ready_step[];
begin
  update pgflow.runs as r
  set version = t.to_version
  from unnest(p_targets) as t
  where r.run_id = t.run_id;

  with moved as (
    update pgflow.tasks as q
    set contract_id = s.contract_id
    from unnest(p_targets) as t
    join pgflow.steps as s on s.flow_slug = t.flow_slug and s.version = t.to_version
    where q.run_id = t.run_id
      and q.step_slug = s.step_slug
      and q.contract_id <> s.contract_id
    returning q.contract_id
  ),
  ready as materialized (
    select t.run_id, s.flow_slug, s.version, s.step_slug, s.contract_id, s.kind, s.is_plain
    from unnest(p_targets) as t
    join pgflow.steps as s on s.flow_slug = t.flow_slug and s.version = t.to_version
    where s.kind <> 'failure'
    and not exists (
      select 1
      from pgflow.step_states as ss
      where ss.run_id = t.run_id and ss.step_slug = s.step_slug
    )
    and not exists (
      select 1 from pgflow.timers as w where w.run_id = t.run_id and w.kind = 'start'
    )
    and not exists (
      select 1
      from pgflow.deps as d
      where d.flow_slug = t.flow_slug
        and d.version = t.to_version
        and d.to_step_slug = s.step_slug
        and not exists (
          select 1
          from pgflow.step_states as ss
          where ss.run_id = t.run_id and ss.step_slug = d.from_step_slug
            and ss.status in ('completed', 'skipped')
        )
    )
  ),
  states as (
    insert into pgflow.step_states (run_id, step_slug, started_at)
    select r.run_id, r.step_slug, v_now from ready as r where r.is_plain
  ),
  queued as (
    insert into pgflow.tasks (run_id, step_slug, contract_id, available_at)
    select r.run_id, r.step_slug, r.contract_id, v_now from ready as r where r.is_plain
    returning contract_id
  )
  select
    array(select m.contract_id from moved as m union select q.contract_id from queued as q),
    (
      select array_agg(
        (r.run_id, r.flow_slug, r.version, r.step_slug, r.kind, r.contract_id)::pgflow.ready_step
      )
      from ready as r
      where not r.is_plain
    )
  into v_contract_ids, v_special;

  perform pgflow._wake_workers(v_contract_ids);
  if v_special is not null then
    perform pgflow._start_special_steps(v_special);
  end if;
  -- The version may lack the steps that were still to come.
  perform pgflow._complete_runs(array_agg(ss.run_id), array_agg(ss.step_slug))
  from pgflow.step_states as ss
  where ss.run_id = any (v_run_ids)
    and ss.status in ('completed', 'skipped');
  perform pgflow._notify_watchers(v_run_ids);
end;
$$;

-- _upgrade_problems: why runs cannot be moved to the versions they are to have.
-- Called by: upgrade_runs. The caller holds the locks of the runs and of their tasks.
-- Locks:     none further.
-- Raises:    nothing.
-- Returns:   one row per problem, its step null when it is about the run; none for a run that may move,
--            and none for one that has the version.
create or replace function pgflow._upgrade_problems(p_targets pgflow.upgrade_target [])
returns table (run_id uuid, step_slug text, reason text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select t.run_id, null::text, p.reason
  from unnest(p_targets) as t
  join pgflow.runs as r on r.run_id = t.run_id
  left join pgflow.flow_versions as v on v.flow_slug = t.flow_slug and v.version = t.to_version
  cross join lateral (
    select case
      when t.from_version = t.to_version then null
      when r.status = 'cancelled' then 'it was cancelled'
      when r.status <> 'started' then format('it has %s', r.status)
      when v.version is null then format('flow %L has no version %s', t.flow_slug, t.to_version)
      when pg_column_size(r.payload) > v.max_payload_bytes then format(
        'its payload takes %s bytes; the budget is %s', pg_column_size(r.payload), v.max_payload_bytes
      )
      else pgflow._misfit('its payload', v.payload_schema_id, r.payload)
    end as reason
  ) as p
  where p.reason is not null;

  return query
  select t.run_id, ss.step_slug, p.reason
  from unnest(p_targets) as t
  join pgflow.runs as r on r.run_id = t.run_id and r.status = 'started'
  join pgflow.flow_versions as v on v.flow_slug = t.flow_slug and v.version = t.to_version
  join pgflow.step_states as ss on ss.run_id = t.run_id
  join pgflow.steps as o
    on o.flow_slug = t.flow_slug and o.version = t.from_version and o.step_slug = ss.step_slug
  left join pgflow.steps as n
    on n.flow_slug = t.flow_slug and n.version = t.to_version and n.step_slug = ss.step_slug
  left join pgflow.maps as m on m.run_id = t.run_id and m.step_slug = ss.step_slug
  left join lateral (
    select string_agg(d.from_step_slug, ', ' order by d.from_step_slug) as slugs
    from pgflow.deps as d
    where d.flow_slug = t.flow_slug
      and d.version = t.to_version
      and d.to_step_slug = ss.step_slug
      and not exists (
        select 1
        from pgflow.step_states as ds
        where ds.run_id = t.run_id and ds.step_slug = d.from_step_slug
          and ds.status in ('completed', 'skipped')
      )
  ) as missing on true
  cross join lateral (
    select case
      when n.step_slug is null then format('it has %s, and version %s has no such step', s.has, t.to_version)
      when missing.slugs is not null then format(
        'it has %s, and in version %s it waits for %s', s.has, t.to_version, missing.slugs
      )
      when n.contract_id = o.contract_id then null
      when n.kind <> o.kind then format('it has %s as a %s step, and is a %s step', s.has, o.kind, n.kind)
      when ss.status = 'completed' then
        pgflow._misfit('its result', pgflow._schema_id(n.result_schema), ss.step_result)
      when ss.status = 'skipped' then null
      when m.run_id is not null then 'it is at work on its items, for another contract'
      when o.kind <> 'single' then format('it waits as a %s, for another contract', o.kind)
      when exists (
        select 1 from pgflow.leases as l where l.run_id = t.run_id and l.step_slug = ss.step_slug
      ) then 'a worker holds its task, for another contract: try again when it has ended'
    end as reason
    from (select case ss.status when 'completed' then 'completed' else 'begun' end as has) as s
  ) as p
  where t.from_version <> t.to_version
    and p.reason is not null;
end;
$$;

-- upgrade_runs: move runs that have not ended to another version of their flow, where everything fits.
-- Each run moves as a whole or not at all. It moves when its payload fits the payload schema of the
-- version, each completed step is there with a result that fits, and each step that has begun has the
-- same contract, or only waits: then its task is queued anew for the new contract, its attempts kept.
-- Called by: `pgflow runs upgrade`, users.
-- Locks:     runs, then step states, then tasks. Values are validated under these locks, so that nothing
--            changes meanwhile: pass some runs at a time.
-- Raises:    PF209 no array, or a null in it; PF503.
-- Returns:   one row per run, in the order given: its version before, the version asked for (by default
--            the current one), 'upgraded', 'unchanged' (it has that version) or 'refused', and why:
--            problems, an array of {step, reason}, step null for the run itself.
create or replace function pgflow.upgrade_runs(p_run_ids uuid [], p_version integer default null)
returns table (run_id uuid, from_version integer, to_version integer, outcome text, problems jsonb)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_targets pgflow.upgrade_target[];
  v_fitting pgflow.upgrade_target[];
  v_problems jsonb;
begin
  if p_run_ids is null or array_position(p_run_ids, null) is not null then
    raise exception using
      errcode = 'PF209',
      message = 'p_run_ids must be an array without null',
      detail = '{}',
      hint = 'pass the ids of the runs';
  end if;
  perform pgflow._require_read_committed();
  perform pgflow._lock_runs(p_run_ids);
  -- A claim under way moves a row from tasks to leases; this waits for it, and keeps the others off.
  perform 1
  from pgflow.tasks as t
  where t.run_id = any (p_run_ids)
  order by t.run_id, t.step_slug, t.task_index
  for update;

  v_targets := array(
    select (r.run_id, r.flow_slug, r.version, coalesce(p_version, f.current_version))::pgflow.upgrade_target
    from pgflow.runs as r
    join pgflow.flows as f on f.flow_slug = r.flow_slug
    where r.run_id = any (p_run_ids)
  );
  select jsonb_object_agg(p.run_id, p.problems) into v_problems
  from (
    select
      p.run_id,
      jsonb_agg(jsonb_build_object('step', p.step_slug, 'reason', p.reason) order by p.step_slug nulls first)
        as problems
    from pgflow._upgrade_problems(v_targets) as p
    group by p.run_id
  ) as p;
  v_fitting := array(
    select t
    from unnest(v_targets) as t
    where t.from_version <> t.to_version
      and not coalesce(v_problems ? t.run_id::text, false)
  );
  if cardinality(v_fitting) > 0 then
    perform pgflow._move_runs(v_fitting);
  end if;

  return query
  select
    n.run_id,
    t.from_version,
    coalesce(t.to_version, p_version),
    case
      when t.run_id is null then 'refused'
      when v_problems ? t.run_id::text then 'refused'
      when t.from_version = t.to_version then 'unchanged'
      else 'upgraded'
    end,
    case
      when t.run_id is null then '[{"step": null, "reason": "there is no such run"}]'::jsonb
      else coalesce(v_problems -> t.run_id::text, '[]')
    end
  from unnest(p_run_ids) with ordinality as n (run_id, ordinal)
  left join unnest(v_targets) as t on t.run_id = n.run_id
  order by n.ordinal;
end;
$$;

-- _caller: the role that called, also from within a security definer function.
-- `set role` changes the setting `role`, which a definer function leaves alone; without it the
-- login role is the caller.
-- Called by: _current_owner, _is_admin, _sees_all.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the name of the role.
create or replace function pgflow._caller() returns name
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(current_setting('role', true), 'none'), session_user)::name;
$$;

-- _current_owner: on whose behalf the caller acts.
-- Called by: _start_runs, send_signal, cancel_run, list_runs, may_see.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the subject of the JWT when the login role is a trusted gateway, else the caller.
create or replace function pgflow._current_owner() returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
      from pgflow.gateways as g
      where g.role_name = session_user
    ),
    pgflow._caller()::text
  );
$$;

-- _is_admin: whether the caller may do everything; superusers may, and who owns the schema.
-- Called by: _check_startable, send_signal, cancel_run, _sees_all.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   membership of the caller in pgflow_admin or in the role that ran the migrations.
create or replace function pgflow._is_admin() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(pgflow._caller(), 'pgflow_admin', 'member')
    or pg_has_role(
      pgflow._caller(),
      (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'pgflow'),
      'member'
    );
$$;

-- _notify_watchers: tell the clients that watch one of these runs to look again.
-- Called by: every function that changes runs.
-- Locks:     the queue of notifications, at commit, when somebody watches.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._notify_watchers(p_run_ids uuid []) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('pgflow_run_' || replace(w.run_id::text, '-', ''), '')
  from pgflow.watches as w
  where w.run_id = any (p_run_ids)
    and w.watched_until > pgflow._now();
end;
$$;

-- _now: the clock of the engine; tests replace it, so that time passes without sleeping.
-- Not now(), the start of the transaction: of two workers that end the last two deps of a step, the
-- one that began first may wait for the other, and the step would seem to start before a dep ended.
-- Functions that lock runs read it after the lock, and once, so that a batch has one time.
-- Called by: every function that reads the time.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the time of the call.
create or replace function pgflow._now() returns timestamptz
language sql volatile parallel safe
as $$
  select clock_timestamp();
$$;

-- _require_batch: refuse a batch whose arrays do not describe the same tasks.
-- Called by: _complete_batch, fail_tasks, release_tasks, extend_leases.
-- Locks:     none.
-- Raises:    PF209.
-- Returns:   nothing.
create or replace function pgflow._require_batch(
  p_run_ids uuid [], p_step_slugs text [], p_task_indexes integer [], p_lease_ids uuid [],
  p_further_lengths integer [] default '{}'
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lengths integer[] := array[
    cardinality(p_run_ids), cardinality(p_step_slugs),
    cardinality(p_task_indexes), cardinality(p_lease_ids)
  ] || p_further_lengths;
begin
  if v_lengths[1] = all (v_lengths)
    and array_position(p_run_ids, null) is null
    and array_position(p_step_slugs, null) is null
    and array_position(p_task_indexes, null) is null
    and array_position(p_lease_ids, null) is null
  then
    return;
  end if;
  raise exception using
    errcode = 'PF209',
    message = 'the arrays of the batch must have one length and hold no null key',
    detail = jsonb_build_object('lengths', to_jsonb(v_lengths))::text,
    hint = 'pass run_id, step_slug, task_index and lease_id of each task as claim_tasks gave them';
end;
$$;

-- _require_read_committed: refuse reports from transactions that cannot see their neighbours.
-- Under a frozen snapshot two workers that complete the last two deps of a step at once would both
-- find the other one missing, and the step would never start.
-- Called by: every function that changes a run that exists.
-- Locks:     none.
-- Raises:    PF503.
-- Returns:   nothing.
create or replace function pgflow._require_read_committed() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'PF503',
      message = format(
        'the isolation level is %s; pgflow needs read committed',
        current_setting('transaction_isolation')
      ),
      detail = jsonb_build_object('isolation', current_setting('transaction_isolation'))::text,
      hint = 'report results in a transaction with isolation level read committed';
  end if;
end;
$$;

-- _sees_all: whether the caller may see the runs of every owner.
-- Called by: list_runs, may_see.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true for pgflow_viewer and for pgflow_admin.
create or replace function pgflow._sees_all() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select pg_has_role(pgflow._caller(), 'pgflow_viewer', 'member') or pgflow._is_admin();
$$;

-- _uuid_v7: a run id that sorts by time (RFC 9562, section 5.7), on every supported version.
-- Inserts then stay at the right edge of the primary key, and runs list in the order of their
-- start; uuidv7() exists only from 18 on.
-- Called by: start_flow, _open_sub_runs, start_flows.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   48 bits of milliseconds, version 7, 12 bits of their fraction (section 6.2, method
--            3), 62 random bits.
create or replace function pgflow._uuid_v7() returns uuid
language plpgsql volatile parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_microseconds bigint := date_part('epoch', clock_timestamp()) * 1000000;
begin
  return encode(
    overlay(
      uuid_send(gen_random_uuid())
      placing substring(int8send(v_microseconds / 1000) from 3)
        || int2send((x'7000'::integer + v_microseconds % 1000 * 4096 / 1000)::smallint)
      from 1 for 8
    ),
    'hex'
  )::uuid;
end;
$$;

-- breaking_version: the highest migration that older workers and clients must not work with.
-- Called by: worker and client at their start.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number of the migration; 0 when there is none.
create or replace function pgflow.breaking_version() returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(m.number) filter (where m.breaking), 0) from pgflow.migrations as m;
$$;

-- may_see: whether the caller may see a run of this owner.
-- Called by: the row-level security policies, get_run, watch_run, cancel_run, explain_run.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true for the owner, for pgflow_viewer and for pgflow_admin.
create or replace function pgflow.may_see(p_owner text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select p_owner = pgflow._current_owner() or pgflow._sees_all();
$$;

-- schema_version: the highest migration that this database has.
-- Called by: worker and client at their start, the CLI.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the number of the migration.
create or replace function pgflow.schema_version() returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select max(m.number) from pgflow.migrations as m;
$$;

-- _check_loops: refuse a schema that refers to itself for the same value, which would never end.
-- Called by: _link_schema, when a reference leads back.
-- Locks:     none.
-- Raises:    PF211 when there is such a circle.
-- Returns:   nothing.
create or replace function pgflow._check_loops(
  p_nodes jsonb [], p_at text, p_what text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from integer[];
  v_to integer[];
  v_count integer;
begin
  select array_agg(n.n - 1), array_agg(s.index)
  into v_from, v_to
  from unnest(p_nodes) with ordinality as n (node, n)
  cross join lateral (
    select e.value::integer
    from jsonb_each(case jsonb_typeof(n.node) when 'object' then n.node else '{}' end) as k
    cross join lateral jsonb_path_query(
      k.value, case jsonb_typeof(k.value) when 'object' then '$.*' else '$[*]' end::jsonpath
    ) as e (value)
    where k.key in ('ref', 'allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas')
  ) as s (index);
  -- take away what leads nowhere; what is left in the end leads in a circle
  loop
    v_count := cardinality(v_from);
    exit when coalesce(v_count, 0) = 0;
    select array_agg(e.source), array_agg(e.target)
    into v_from, v_to
    from unnest(v_from, v_to) as e (source, target)
    where e.target = any (v_from);
    if cardinality(v_from) = v_count then
      perform pgflow._raise_schema_invalid(
        p_what, pgflow._error_item(p_at, '$ref', 'a reference leads in a circle, for the same value')
      );
    end if;
  end loop;
end;
$$;

-- _check_schema: refuse what is no JSON Schema of draft 2020-12, before anything relies on it; see
-- _check_schema_size.
-- Called by: _put_schema, validate.
-- Locks:     none.
-- Raises:    PF211 for a schema of another draft, or that does not fit the metaschema.
-- Returns:   nothing.
create or replace function pgflow._check_schema(
  p_schema jsonb, p_at text, p_what text
) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- how much time values get is no matter of schemas, whose size has its own limit
  c_milliseconds constant integer := 10000;
  v_errors jsonb;
begin
  if jsonb_typeof(p_schema -> '$schema') = 'string' then
    perform pgflow._ignored_keywords(p_schema, p_at, p_what);
  end if;
  select pgflow._explain(d.program, p_schema, c_milliseconds) into strict v_errors
  from pgflow.schema_documents as d
  where d.uri = 'https://json-schema.org/draft/2020-12/schema';
  if v_errors is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      (
        select jsonb_agg(e.value || jsonb_build_object('at', p_at || (e.value ->> 'at')) order by e.ordinality)
        from jsonb_array_elements(v_errors) with ordinality as e
      )
    );
  end if;
end;
$$;

-- _check_schema_size: refuse a schema that would take long merely to be looked at.
-- Called by: _put_schema, validate.
-- Locks:     none.
-- Raises:    PF211 for a schema beyond the limits.
-- Returns:   nothing.
create or replace function pgflow._check_schema_size(
  p_schema jsonb, p_at text, p_what text
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_bytes constant integer := 262144;
  v_problem text;
begin
  -- the text is asked for last: it may be much longer than the value, 1e131000 is 8 bytes
  v_problem := case
    when pg_column_size(p_schema) > c_bytes
      then format('a schema of %s bytes; at most %s', pg_column_size(p_schema), c_bytes)
    -- a schema inside another is two levels down, three in anyOf and its kin
    when p_schema @? '$.**{193}' then 'more than 192 objects and arrays inside each other'
    when exists (
      select 1
      from jsonb_path_query(p_schema, '$.** ? (@.type() == "number")') as n (value)
      where length(n.value::text) > 1000
    ) then 'a number of more than 1000 digits'
    when octet_length(p_schema::text) > c_bytes
      then format('a schema of %s bytes; at most %s', octet_length(p_schema::text), c_bytes)
  end;
  if v_problem is not null then
    perform pgflow._raise_schema_invalid(p_what, pgflow._error_item(p_at, 'limit', v_problem));
  end if;
end;
$$;

-- _check_value: does a value fit a stored schema, and if not, what about it does not fit.
-- Called by: _check_results, _misfit, _check_nulls, _check_sub_flow, _sub_flow_error, _check_signal,
--            _check_payloads.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when it fits; else at most 20 errors {at, keyword, message}. A limit of time or depth is
--            an error with the keyword `limit`.
create or replace function pgflow._check_value(p_schema_id bytea, p_value jsonb) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value constant jsonb := coalesce(p_value, 'null');
  v_fits boolean;
  v_program jsonb;
begin
  select
    v_value @? s.predicate
    and (
      pg_column_size(v_value) <= s.residual_free_bytes
      or pgflow._residuals_fit(v_value, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs)
    )
  into v_fits
  from pgflow.schemas as s
  where s.schema_id = p_schema_id;
  if v_fits then
    return null;
  end if;
  select s.program into strict v_program
  from pgflow.schemas as s
  where s.schema_id = p_schema_id;
  return pgflow._explain(v_program, v_value);
end;
$$;

-- _compile_schema: everything that a row of pgflow.schemas holds besides the schema.
-- The predicate is a fast way to say yes: a value that it accepts, and for which the residual checks
-- hold, fits. It may decline a value that fits; then the walker is asked, who is always right.
-- Called by: _put_schema, _recompile_schemas.
-- Locks:     none.
-- Raises:    PF211 as _link_schema.
-- Returns:   the columns; without a predicate when the schema is beyond what a jsonpath can say, or of a
--            size that costs more with each value than it saves.
create or replace function pgflow._compile_schema(
  p_schema jsonb,
  p_at text,
  p_what text,
  out program jsonb,
  out predicate jsonpath,
  out residual_paths jsonpath [],
  out residual_kinds text [],
  out residual_mins integer [],
  out residual_maxs integer [],
  out residual_free_bytes integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off  -- as _explain says
as $$
declare
  c_places constant integer := 3000;
  c_residuals constant integer := 256;  -- for 250 bounded texts, still half of what the walker takes
  c_any constant integer := 2147483647;  -- no residual checks at all
  -- with the 8 bytes that jsonb has for each key and its value beside these
  v_key_bytes constant bigint := (
    select coalesce(sum(8 + octet_length(r.key)), 0)
    from jsonb_array_elements_text(case p_schema -> 'type' when '"object"' then p_schema -> 'required' end) as r (key)
  );
  v_unrolled integer;
  v_places integer;
  v_places_before integer;
  v_text text;
begin
  program := pgflow._link_schema(p_schema, p_at, p_what);
  -- how often a recursive schema may be inside itself before the predicate declines
  foreach v_unrolled in array '{8,4,2,1,0}'::integer[] loop
    v_places := (select count(*) from pgflow._places(program, v_unrolled, c_places) as p);
    continue when v_places = c_places;
    exit when v_places = v_places_before;  -- it is not recursive
    v_places_before := v_places;
    select array_agg(r.path), array_agg(r.kind), array_agg(r.at_least), array_agg(r.at_most)
    into residual_paths, residual_kinds, residual_mins, residual_maxs
    from pgflow._residual_checks(program, v_unrolled, c_places) as r;
    continue when cardinality(residual_paths) > c_residuals;
    begin
      v_text := pgflow._predicate(program, 0, false, v_unrolled);
      predicate := case
        when v_text = '' then 'strict $'
        when v_text <> pgflow._predicate_never() then 'strict $ ? (' || v_text || ')'
      end;
    exception
      when sqlstate 'PFLIM' or statement_too_complex then
        null;
    end;
    exit when predicate is not null;
  end loop;
  -- A text has no more characters, and an object no more properties, than the value that holds it has bytes
  -- besides the keys that it must have; that there is at least one is in the predicate.
  residual_free_bytes := case
    when predicate is not null then (
      select coalesce(
        min(
          case
            when r.kind = 'unique' or r.at_least > 1 then 0
            when r.kind = 'length' then least(r.at_most + v_key_bytes, c_any)
            else r.at_most
          end
        ),
        c_any
      )
      from unnest(residual_kinds, residual_mins, residual_maxs) as r (kind, at_least, at_most)
    )
  end;
  if predicate is null then
    residual_paths := null;
    residual_kinds := null;
    residual_mins := null;
    residual_maxs := null;
  end if;
end;
$$;

-- _compiler_version: which compiler wrote a row of pgflow.schemas.
-- Whoever changes what _compile_schema makes of a schema raises it, and calls _recompile_schemas in
-- the migration.
-- Called by: _put_schema, _recompile_schemas.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the version of the compiler that this database has.
create or replace function pgflow._compiler_version() returns integer
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select 1;
$$;

-- _equal_items: the error of an array with two equal items.
-- Called by: _walk_array.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error; null when the items differ.
create or replace function pgflow._equal_items(p_value jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._error_item(
    '', 'uniqueItems', format('items %s and %s are equal', min(e.ordinality) - 1, max(e.first_two) - 1)
  )
  from (
    select
      a.value, a.ordinality,
      case when row_number() over (partition by a.value order by a.ordinality) = 2 then a.ordinality end as first_two
    from jsonb_array_elements(p_value) with ordinality as a
  ) as e
  group by e.value
  having count(*) > 1
  order by min(e.ordinality)
  limit 1;
$$;

-- _error_item: an error report of one error.
-- Called by: every function that reports what does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   array of {at, keyword, message}.
create or replace function pgflow._error_item(
  p_at text,  -- JSON pointer
  p_keyword text,
  p_message text
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_array(
    jsonb_build_object('at', p_at, 'keyword', p_keyword, 'message', p_message)
  );
$$;

-- _evaluated: which properties or items of a value the keywords of a node have looked at.
-- What `unevaluatedProperties` and `unevaluatedItems` ask. It is found out only then, and only for
-- a value that fits the node, so that all other schemas pay nothing for it.
-- Called by: _walk_combined, and itself.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   the keys, or the indexes as text; some may come twice.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._evaluated(
  p_program jsonb, p_node jsonb, p_value jsonb, p_deadline timestamptz
) returns text []
language plpgsql stable
as $$
declare
  v_seen text[];
  v_index jsonb;
begin
  if jsonb_typeof(p_node) <> 'object' then
    return '{}';
  end if;
  v_seen := array(
    select m.key
    from pgflow._members(p_value) as m
    where case jsonb_typeof(p_value)
      when 'object' then
        p_node ?| '{additionalProperties,unevaluatedProperties}'
        or p_node -> 'properties' ? m.key
        or exists (
          select 1
          from jsonb_object_keys(p_node -> 'patternProperties') as p (key)
          where pgflow._name_matches(m.key, p.key, p_deadline)
        )
      else
        p_node ?| '{items,unevaluatedItems}'
        or m.key::integer < jsonb_array_length(p_node -> 'prefixItems')
        or p_node ? 'contains'
        and pgflow._walk(p_program, p_program -> (p_node -> 'contains')::integer, m.value, 0, p_deadline) is null
    end
  );
  for v_index in
    select s.index
    from jsonb_each(p_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'if')
      union all
      select k.value
      where k.key in ('then', 'else')
        and (k.key = 'then') = (
          pgflow._walk(p_program, p_program -> (p_node -> 'if')::integer, p_value, 0, p_deadline) is null
        )
      union all
      select a.value from jsonb_array_elements(case when k.key in ('allOf', 'anyOf', 'oneOf') then k.value end) as a
      union all
      select d.value
      from jsonb_each(case when k.key = 'dependentSchemas' then k.value end) as d
      where jsonb_typeof(p_value) = 'object' and p_value ? d.key  -- ? asks an array for its items
    ) as s (index)
    where k.key not in ('anyOf', 'oneOf', 'if')
      or pgflow._walk(p_program, p_program -> s.index::integer, p_value, 0, p_deadline) is null
  loop
    v_seen := v_seen || pgflow._evaluated(p_program, p_program -> v_index::integer, p_value, p_deadline);
  end loop;
  return v_seen;
end;
$$;

-- _explain: what about a value does not fit a linked schema.
-- Called by: _check_value, validate, _check_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   null when the value fits; else at most 20 errors {at, keyword, message}. A limit of time
--            or depth is one error with the keyword `limit`.
create or replace function pgflow._explain(
  p_program jsonb,
  p_value jsonb,
  p_milliseconds integer default null  -- when to give up; null for what the setting says
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
-- what loops over parts of JSON looks as if it were worth compiling, which takes a second per statement
set jit = off
as $$
declare
  c_most constant integer := 20;
  -- taken out of compressed or external storage once, and not with every look at it
  v_program constant jsonb := p_program || '[]';
  v_value constant jsonb := p_value #> '{}';
  v_milliseconds constant integer := coalesce(p_milliseconds, pgflow._validation_deadline_ms());
  v_errors jsonb;
begin
  v_errors := pgflow._walk(
    v_program, v_program -> 0, v_value, c_most,
    clock_timestamp() + v_milliseconds * interval '1 ms'
  );
  if jsonb_array_length(v_errors) > c_most then
    v_errors := jsonb_path_query_array(v_errors, '$[0 to 19]');
  end if;
  return v_errors;
exception
  when sqlstate 'PFLIM' then
    return pgflow._error_item('', 'limit', format('validating took longer than %s ms', v_milliseconds));
  when statement_too_complex then
    return pgflow._error_item('', 'limit', 'nests too deeply to be validated');
end;
$$;

-- _find_schema: the schema that a URI names, among resources that are loaded already.
-- Called by: _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the schema, null when there is none; the URI of the resource that it is part of, which
--            differs when the pointer leads through an `$id`; the JSON pointer within that resource.
create or replace function pgflow._find_schema(
  p_resources jsonb, p_uri text, p_fragment text,
  out schema jsonb, out uri text, out pointer text
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_fragment text;
  v_token text;
begin
  uri := p_resources #>> array[p_uri, 'uri'];
  pointer := p_fragment;
  if p_fragment <> '' and p_fragment !~ '^/' then
    pointer := p_resources #>> array[p_uri, 'anchors', p_fragment];
  end if;
  if pointer is null then
    return;
  end if;
  if not p_resources -> p_uri ? 'nested' then
    schema := p_resources #> (
      array[p_uri, 'schema']
      || array(
        select replace(replace(t.token, '~1', '/'), '~0', '~')
        from unnest((string_to_array(pointer, '/'))[2:]) with ordinality as t (token, n)
        order by t.n
      )
    );
    return;
  end if;
  schema := p_resources #> array[uri, 'schema'];
  v_fragment := pointer;
  pointer := '';
  foreach v_token in array (string_to_array(v_fragment, '/'))[2:] loop
    schema := schema #> array[replace(replace(v_token, '~1', '/'), '~0', '~')];
    pointer := pointer || '/' || v_token;
    if jsonb_typeof(schema -> '$id') = 'string' then
      uri := split_part(pgflow._resolve_uri(uri, schema ->> '$id'), '#', 1);
      pointer := '';
    end if;
  end loop;
end;
$$;

-- _ignored_keywords: what a schema does not mean by its keywords, as its `$schema` says.
-- Called by: _check_schema, _link_schema.
-- Locks:     none.
-- Raises:    PF211 for another draft, and for a vocabulary that is required and not known.
-- Returns:   the keywords that stand for nothing; null when all have their usual meaning.
create or replace function pgflow._ignored_keywords(
  p_schema jsonb, p_at text, p_what text
) returns text []
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_vocabularies constant text := 'https://json-schema.org/draft/2020-12/vocab/';
  v_uri text := rtrim(p_schema ->> '$schema', '#');
  v_vocabularies jsonb;
  v_unknown text;
begin
  if v_uri is null or v_uri = 'https://json-schema.org/draft/2020-12/schema' then
    return null;
  end if;
  select d.document -> '$vocabulary' into v_vocabularies
  from pgflow.schema_documents as d
  where d.uri = v_uri;
  if not found then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/$schema', '$schema',
        pgflow._show(to_jsonb(v_uri)) || ' is not draft 2020-12, https://json-schema.org/draft/2020-12/schema'
      )
    );
  end if;
  select v.key into v_unknown
  from jsonb_each(v_vocabularies) as v
  where v.value = 'true'
    and v.key <> all (
      select c_vocabularies || n.name
      from unnest(
        array[
          'core', 'applicator', 'unevaluated', 'validation', 'meta-data', 'format-annotation', 'content'
        ]
      ) as n (name)
    )
  limit 1;
  if v_unknown is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/$schema', '$schema',
        pgflow._show(to_jsonb(v_unknown)) || ' is a vocabulary that is required and not known'
      )
    );
  end if;
  return (
    select array_agg(k.keyword)
    from (
      values
      (
        'applicator',
        array[
          'prefixItems', 'items', 'contains', 'additionalProperties', 'properties',
          'patternProperties', 'dependentSchemas', 'propertyNames', 'if', 'then', 'else', 'allOf',
          'anyOf', 'oneOf', 'not'
        ]
      ),
      ('unevaluated', array['unevaluatedItems', 'unevaluatedProperties']),
      (
        'validation',
        array[
          'type', 'enum', 'const', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum',
          'exclusiveMaximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems',
          'uniqueItems', 'minContains', 'maxContains', 'minProperties', 'maxProperties', 'required',
          'dependentRequired'
        ]
      )
    ) as v (name, keywords)
    cross join lateral unnest(v.keywords) as k (keyword)
    where not v_vocabularies ? (c_vocabularies || v.name)
  );
end;
$$;

-- _in_enum: whether an object or array is one of the values of an `enum`.
-- Called by: _walk, _walk_own_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer; numbers are equal when their values are, keys have no order.
create or replace function pgflow._in_enum(p_enum jsonb, p_value jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select exists (select 1 from jsonb_array_elements(p_enum) as e where e.value = p_value);
$$;

-- _link_choices: which alternatives of anyOf and oneOf a value may fit, by its type and its tag.
-- Called by: _link_hints.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the program. Each node whose `next` is `choice` has, beside what it had:
--   choices        by type, the indexes of the alternatives that a value of it may fit;
--   discriminator  {property, branches}. The alternatives all require the property, as one of some
--                  strings, and no string is allowed by two: `branches` leads from the JSON text of
--                  the string to the position in anyOf or oneOf;
--   accepts        now with the types that fit because an alternative accepts them.
create or replace function pgflow._link_choices(
  p_nodes jsonb [],
  p_frees text []  -- by node, the types that its own keywords leave alone, as the text of a text[]
) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_types constant text[] := '{object,array,string,number,boolean,"null"}';
  v_nodes jsonb[] := p_nodes;
  v_node jsonb;
  v_choices jsonb;
  v_discriminator jsonb;
begin
  for n in 1 .. cardinality(v_nodes) loop
    continue when v_nodes[n] ->> 'next' is distinct from 'choice';
    v_node := v_nodes[n];
    select coalesce(jsonb_object_agg(c.type, c.indexes), '{}') into v_choices
    from (
      select t.type, jsonb_agg(a.index order by a.n) as indexes
      from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
      cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
      cross join unnest(c_types) as t (type)
      where case
        when jsonb_typeof(b.node) = 'boolean' then b.node = 'true'
        else (
          (b.node -> 'type' ? t.type) is not false or t.type = 'number' and b.node -> 'type' ? 'integer'
        )
        and (
          not b.node ? 'enum'
          or exists (
            select 1 from jsonb_array_elements(b.node -> 'enum') as e where jsonb_typeof(e.value) = t.type
          )
        )
      end
      group by t.type
    ) as c;
    v_discriminator := (
      select jsonb_build_object('property', d.property, 'branches', d.branches)
      from (
        select r.property, jsonb_object_agg(e.value::text, a.n - 1) as branches
        from jsonb_array_elements(coalesce(v_node -> 'anyOf', v_node -> 'oneOf')) with ordinality as a (index, n)
        cross join lateral (select v_nodes[a.index::integer + 1]) as b (node)
        cross join lateral jsonb_array_elements_text(b.node -> 'required') as r (property)
        cross join lateral (
          select v_nodes[(b.node -> 'properties' -> r.property)::integer + 1] -> 'enum'
        ) as p (enum)
        cross join lateral jsonb_array_elements(coalesce(p.enum, '[]')) as e
        group by r.property
        having count(distinct a.n) = jsonb_array_length(coalesce(v_node -> 'anyOf', v_node -> 'oneOf'))
          and count(*) = count(distinct e.value)
          and bool_and(jsonb_typeof(e.value) = 'string')
        limit 1
      ) as d
    );
    v_nodes[n] := v_node || jsonb_strip_nulls(
      jsonb_build_object(
        'choices', v_choices,
        'discriminator', v_discriminator,
        'accepts', (
          select coalesce(jsonb_agg(t.type), '[]')
          from unnest(p_frees[n]::text[]) as t (type)
          where (v_node -> 'type' ? t.type) is not false
            and (v_node ? 'anyOf' or jsonb_array_length(v_choices -> t.type) = 1)
            and exists (
              select 1
              from jsonb_array_elements(v_choices -> t.type) as c (index)
              where coalesce(
                v_nodes[c.index::integer + 1] -> 'accepts' ? t.type,
                v_nodes[c.index::integer + 1] = 'true'
              )
            )
        )
      )
    );
  end loop;
  return to_jsonb(v_nodes);
end;
$$;

-- _link_hints: what the walker would otherwise have to find out about a node each time.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the program. Each node that is an object has, beside its keywords:
--   accepts        the types of JSON values (`number` for all numbers) that fit without a further look;
--   required_keys  `required` as the text of a text[];
--   more           the types for which _walk_more or _walk_array has keywords to check;
--   next           absent when no subschema looks at the same value; else `ref` or `choice` when `ref`,
--                  or one of anyOf and oneOf, is all there is; `combined` for everything else.
--   With `choice`, see _link_choices, there are also `choices` and perhaps `discriminator`.
create or replace function pgflow._link_hints(p_nodes jsonb []) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_object constant text[] := '{properties,required,additionalProperties,patternProperties,propertyNames,'
    'minProperties,maxProperties,dependentRequired,dependentSchemas,unevaluatedProperties}';
  c_array constant text[] := '{prefixItems,items,contains,minItems,maxItems,uniqueItems,unevaluatedItems}';
  c_string constant text[] := '{minLength,maxLength,pattern}';
  c_number constant text[] := '{minimum,maximum,exclusiveMinimum,exclusiveMaximum,multipleOf}';
  c_more_array constant text[] := '{prefixItems,items,contains,uniqueItems}';
  c_more_object constant text[] := '{patternProperties,propertyNames,minProperties,maxProperties,'
    'dependentRequired,dependentSchemas}';
  c_combined constant text[] := '{ref,allOf,anyOf,oneOf,not,if,unevaluatedProperties,unevaluatedItems}';
  v_nodes jsonb[] := p_nodes;
  v_node jsonb;
  v_next text;
  v_free text[];
  v_frees text[] := '{}';
begin
  for n in 1 .. cardinality(v_nodes) loop
    v_node := v_nodes[n];
    if jsonb_typeof(v_node) <> 'object' then
      v_frees := v_frees || null::text;
      continue;
    end if;
    v_next := case (select string_agg(k.key, '') from unnest(c_combined) as k (key) where v_node ? k.key)
      when 'ref' then 'ref'
      when 'anyOf' then 'choice'
      when 'oneOf' then 'choice'
      else case when v_node ?| c_combined then 'combined' end
    end;
    -- the types whose own keywords leave them alone
    v_free := case when not v_node ? 'enum' then array_remove(
      array[
        'null',
        'boolean',
        case when not v_node ?| c_object then 'object' end,
        case when not v_node ?| c_array then 'array' end,
        case when not v_node ?| c_string then 'string' end,
        case when not v_node ?| c_number then 'number' end
      ],
      null
    ) else '{}' end;
    v_nodes[n] := v_node || jsonb_strip_nulls(
      jsonb_build_object(
        'accepts', (
          select coalesce(jsonb_agg(t.type), '[]') from unnest(v_free) as t (type)
          where v_next is null and (v_node -> 'type' ? t.type) is not false
        ),
        'required_keys', case
          when v_node ? 'required' then array(select jsonb_array_elements_text(v_node -> 'required'))::text
        end,
        'more', case
          when v_node ?| (c_more_object || c_more_array) then to_jsonb(
            array_remove(
              array[
                case when v_node ?| c_more_object then 'object' end,
                case when v_node ?| c_more_array then 'array' end
              ],
              null
            )
          )
        end,
        'next', v_next
      )
    );
    v_frees := v_frees || v_free::text;
  end loop;
  return pgflow._link_choices(v_nodes, v_frees);
end;
$$;

-- _link_keywords: the canonical form of the keywords of one schema, subschemas left as they are.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    PF211 for a pattern or a keyword that is refused.
-- Returns:   the keywords that constrain values; annotations are dropped.
create or replace function pgflow._link_keywords(
  p_schema jsonb, p_at text, p_what text
) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_node jsonb;
  v_pattern record;
  v_refused text;
begin
  if jsonb_typeof(p_schema) <> 'object' then
    return p_schema;
  end if;
  v_refused := (
    select k.key
    from jsonb_object_keys(p_schema) as k (key)
    where k.key in ('dependencies', 'additionalItems', '$recursiveRef', '$recursiveAnchor')
    limit 1
  );
  if v_refused is not null then
    perform pgflow._raise_schema_invalid(
      p_what,
      pgflow._error_item(
        p_at || '/' || v_refused,
        v_refused,
        v_refused || ' is not part of draft 2020-12: ' || case v_refused
          when 'dependencies' then 'write dependentRequired or dependentSchemas'
          when 'additionalItems' then 'write items, and prefixItems for the list before it'
          when '$recursiveRef' then 'write $dynamicRef'
          else 'write $dynamicAnchor'
        end
      )
    );
  end if;

  select
    coalesce(
      jsonb_object_agg(
        k.key,
        case
          when k.key = 'type' and jsonb_typeof(k.value) = 'string' then jsonb_build_array(k.value)
          when k.key ~ '^m(?:in|ax)(?:Length|Items|Properties|Contains)$'
            -- no value in Postgres has more characters, items or properties
            then to_jsonb(least(k.value::numeric, 2147483647)::integer)
          else k.value
        end
      ),
      '{}'
    )
  into v_node
  from jsonb_each(p_schema) as k
  where k.key in (
    'type', 'enum', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
    'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'minContains', 'maxContains',
    'minProperties', 'maxProperties', 'dependentRequired',
    'properties', 'patternProperties', 'additionalProperties', 'propertyNames', 'dependentSchemas',
    'prefixItems', 'items', 'contains', 'allOf', 'anyOf', 'oneOf', 'not', 'if',
    'unevaluatedItems', 'unevaluatedProperties'
  )
  or k.key in ('then', 'else') and p_schema ? 'if'
  or k.key = 'required' and k.value <> '[]'
  or k.key = 'uniqueItems' and k.value = 'true';

  if p_schema ? 'const' then
    v_node := v_node || jsonb_build_object(
      'enum',
      case
        when p_schema ? 'enum'
          and not exists (
            select 1 from jsonb_array_elements(p_schema -> 'enum') as e
            where e.value = p_schema -> 'const'
          ) then '[]'
        else jsonb_build_array(p_schema -> 'const')
      end
    );
  end if;
  if v_node ? 'type' and v_node -> 'type' @> '["integer", "number"]' then
    v_node := v_node || jsonb_build_object('type', (v_node -> 'type') - 'integer');
  end if;
  if not v_node ? 'contains' then
    v_node := v_node - '{minContains,maxContains}'::text[];
  end if;
  if v_node ? 'pattern' then
    v_pattern := pgflow._regex_to_are(v_node ->> 'pattern');
    if v_pattern.refusal is not null then
      perform pgflow._raise_schema_invalid(
        p_what, pgflow._error_item(p_at || '/pattern', 'pattern', v_pattern.refusal)
      );
    end if;
    if v_pattern.expression <> v_node ->> 'pattern' then
      v_node := v_node || jsonb_build_object(
        'pattern', v_pattern.expression, 'pattern_text', v_node ->> 'pattern'
      );
    end if;
  end if;
  if v_node ? 'patternProperties' then
    v_node := jsonb_set(v_node, '{patternProperties}', '{}');
    for v_pattern in
      select p.key, p.value, r.expression, r.refusal
      from jsonb_each(p_schema -> 'patternProperties') as p
      cross join lateral pgflow._regex_to_are(p.key) as r
    loop
      if v_pattern.refusal is not null then
        perform pgflow._raise_schema_invalid(
          p_what,
          pgflow._error_item(
            pgflow._pointer(p_at || '/patternProperties', v_pattern.key), 'patternProperties', v_pattern.refusal
          )
        );
      end if;
      while v_node -> 'patternProperties' ? v_pattern.expression loop
        v_pattern.expression := '(?:' || v_pattern.expression || ')';  -- two patterns became the same
      end loop;
      v_node := jsonb_set(
        v_node, array['patternProperties', v_pattern.expression], v_pattern.value
      );
    end loop;
  end if;
  return v_node;
end;
$$;

-- _link_node: put the indexes of its subschemas into a node.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the node; `true` when it constrains nothing.
create or replace function pgflow._link_node(
  p_node jsonb,  -- keywords, with the subschemas themselves
  p_keywords text [],  -- per subschema the keyword that holds it
  p_names text [],  -- and the key below it
  p_indexes integer []
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case n.node when '{}' then 'true' else n.node end
  from (
    select
      case
        when cardinality(p_keywords) = 0 then p_node
        else p_node || (
          select jsonb_object_agg(k.keyword, k.value)
          from (
            select
              s.keyword,
              case
                when s.keyword in ('properties', 'patternProperties', 'dependentSchemas')
                  then jsonb_object_agg(coalesce(s.name, ''), s.index)
                when s.keyword in ('prefixItems', 'allOf', 'anyOf', 'oneOf')
                  then jsonb_agg(s.index order by s.n)
                else to_jsonb(min(s.index))
              end as value
            from unnest(p_keywords, p_names, p_indexes) with ordinality as s (keyword, name, index, n)
            group by s.keyword
          ) as k
        )
      end
  ) as n (node);
$$;

-- _link_schema: a schema as a flat program, with nothing left to look up or to resolve.
-- Called by: _compile_schema, _recompile_schemas, validate.
-- Locks:     none.
-- Raises:    PF211 for a reference that leads nowhere or in a circle, a pattern that is refused, and a
--            schema beyond the limits below. That keywords have values of the right type is for
--            _check_schema to say, before.
-- Returns:   the program, a JSON array of nodes; node 0 is the schema itself.
--
-- A node is `true`, `false`, or an object with the keywords of one schema in canonical form:
--   * each subschema is replaced by the index of its node: `"items": 3`, `"anyOf": [4, 5]`,
--     `"properties": {"a": 6}`; likewise `prefixItems`, `contains`, `not`, `if`, `then`, `else`,
--     `allOf`, `oneOf`, `propertyNames`, `patternProperties`, `additionalProperties`,
--     `dependentSchemas`, `unevaluatedItems`, `unevaluatedProperties`. Several may have one index, and
--     a recursive schema leads back to an earlier one;
--   * `"ref": 7` is `$ref` or `$dynamicRef`; a schema that is nothing but a reference has no node of
--     its own, its index is that of its target. With both in one schema, `allOf` holds the second;
--   * `type` is an array, without `integer` if it has `number`; `const` is `enum` of one, and with
--     both, `enum` is what they have in common; `enum` may be empty;
--   * `pattern` and the keys of `patternProperties` are advanced regular expressions of Postgres;
--   * `minLength` and its kin are whole numbers up to 2147483647; `minContains` and `maxContains` stand
--     only beside `contains`, `then` and `else` only beside `if`, `uniqueItems` only as true, `required`
--     never empty; annotations and `format` are gone; a schema of which nothing is left is `true`.
-- Names in snake_case are no keywords but what the walker would otherwise find out each time, see
-- _link_hints; and `pattern_text`, the pattern as it was written.
create or replace function pgflow._link_schema(
  p_schema jsonb,
  p_at text default '',  -- JSON pointer to the schema, for messages
  p_what text default 'the schema'
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off  -- as _explain says
as $$
declare
  c_levels constant integer := 64;
  c_nodes constant integer := 2000;
  c_in_place constant text[] := '{ref,allOf,anyOf,oneOf,not,if,then,else,dependentSchemas}';
  v_resources jsonb := pgflow._schema_resources(p_schema, '', p_at);
  v_known jsonb := '{}';  -- index by URI, JSON pointer and dynamic scope, of the targets of references
  v_nodes jsonb[] := '{}';
  -- what becomes nodes: the schema, where it is, what its dynamic references mean, how deep it is
  v_schemas jsonb[] := '{}';
  v_uris text[] := '{}';
  v_pointers text[] := '{}';
  v_scopes jsonb[] := '{}';
  v_depths integer[] := '{}';
  v_n integer := 0;  -- the first round is for the schema itself, which is no subschema
  v_schema jsonb := '{}';
  v_node jsonb := '{}';
  v_at text := p_at;
  v_ignored text[];
  v_keywords text[];
  v_names text[];
  v_indexes integer[];
  v_sub record;
  v_place record;
  v_loaded jsonb;
  v_key text;
  v_index integer;
  v_may_loop boolean := false;
begin
  loop
    if v_n > 0 then
      v_schema := v_schemas[v_n];
      v_at := concat(v_resources #>> array[v_uris[v_n], 'at'], v_pointers[v_n]);
      if v_resources #> array[v_uris[v_n], 'schema'] ? '$schema' then
        v_ignored := pgflow._ignored_keywords(v_resources #> array[v_uris[v_n], 'schema'], v_at, p_what);
        if jsonb_typeof(v_schema) = 'object' and v_ignored is not null then
          v_schema := v_schema - v_ignored;
        end if;
      end if;
      v_node := pgflow._link_keywords(v_schema, v_at, p_what);
    end if;
    v_keywords := '{}';
    v_names := '{}';
    v_indexes := '{}';
    for v_sub in
      select
        s.keyword, s.name, s.schema,
        coalesce(v_uris[v_n], '') as uri,
        concat(v_pointers[v_n], pgflow._pointer('', nullif(s.keyword, 'ref')), pgflow._pointer('', s.name)) as pointer,
        coalesce(v_scopes[v_n], v_resources #> '{"",dynamic}', '{}') as scope
      from (
        select null as keyword, null as name, p_schema as schema
        where v_n = 0
        union all
        select
          case when k.key = '$ref' or not v_schema ? '$ref' then 'ref' else 'allOf' end,
          null,
          jsonb_build_object(k.key, k.value)
        from jsonb_each(case jsonb_typeof(v_schema) when 'object' then v_schema else '{}' end) as k
        where k.key in ('$ref', '$dynamicRef')
        union all
        select u.* from pgflow._subschemas(v_node) as u
      ) as s
    loop
      v_key := null;
      if v_n = 0 or v_sub.schema ?| '{$id,$ref,$dynamicRef}' then
        v_place := pgflow._link_target(v_resources, v_sub.schema, v_sub.uri, v_sub.pointer, v_sub.scope, p_what);
        v_resources := coalesce(v_place.resources, v_resources);
        v_sub.schema := v_place.schema;
        v_sub.uri := v_place.uri;
        v_sub.pointer := v_place.pointer;
        v_sub.scope := v_place.scope;
        if v_n = 0 or v_place.is_target then
          v_key := concat(v_sub.uri, '#', v_sub.pointer, nullif(v_sub.scope, '{}'));
        end if;
      end if;
      v_index := v_known ->> v_key;
      if v_index is null then
        v_index := cardinality(v_schemas);
        v_schemas := v_schemas || v_sub.schema;
        v_uris := v_uris || v_sub.uri;
        v_pointers := v_pointers || v_sub.pointer;
        v_scopes := v_scopes || v_sub.scope;
        v_depths := v_depths || case when v_key is null then v_depths[v_n] + 1 else 0 end;
        if v_key is not null then
          v_known := v_known || jsonb_build_object(v_key, v_index);
        end if;
      elsif v_sub.keyword = any (c_in_place) and v_index < v_n then
        v_may_loop := true;
      end if;
      v_keywords := v_keywords || v_sub.keyword;
      v_names := v_names || v_sub.name;
      v_indexes := v_indexes || v_index;
    end loop;
    if v_n > 0 then
      v_nodes := v_nodes || pgflow._link_node(v_node, v_keywords, v_names, v_indexes);
    end if;
    v_n := v_n + 1;
    exit when v_n > cardinality(v_schemas);
    if v_depths[v_n] > c_levels or v_n > c_nodes then
      perform pgflow._raise_schema_invalid(
        p_what,
        pgflow._error_item(
          p_at, 'limit',
          case
            when v_n > c_nodes then format('more than %s schemas in one, references followed', c_nodes)
            else format('more than %s schemas inside each other', c_levels)
          end
        )
      );
    end if;
  end loop;
  if v_may_loop then
    perform pgflow._check_loops(v_nodes, p_at, p_what);
  end if;
  return pgflow._link_hints(v_nodes);
end;
$$;

-- _link_target: where a schema that has `$id`, `$ref` or `$dynamicRef` leads.
-- A schema that is nothing but a reference is followed to its end; any other stands for itself.
-- Called by: _link_schema.
-- Locks:     none.
-- Raises:    PF211 for a reference that leads nowhere or in a circle.
-- Returns:   the schema; the URI of its resource; its JSON pointer there; the dynamic scope, that is
--            by name the first dynamic anchor on the way to it; whether a reference led there; all
--            resources, if a document had to be loaded.
create or replace function pgflow._link_target(
  p_resources jsonb, p_schema jsonb, p_uri text, p_pointer text, p_scope jsonb, p_what text,
  out schema jsonb, out uri text, out pointer text, out scope jsonb, out is_target boolean,
  out resources jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- what may stand beside a reference without a meaning of its own
  c_beside constant text[] := '{$ref,$dynamicRef,$id,$schema,$anchor,$dynamicAnchor,$defs,$comment,'
    'title,description,default,examples,deprecated,readOnly,writeOnly}';
  c_hops constant integer := 100;
  v_reference text;
  v_target text;
  v_fragment text;
  v_document jsonb;
  v_problem text;
begin
  schema := p_schema;
  uri := p_uri;
  pointer := p_pointer;
  scope := p_scope;
  is_target := false;
  if jsonb_typeof(schema -> '$id') = 'string' then
    uri := split_part(pgflow._resolve_uri(uri, schema ->> '$id'), '#', 1);
    pointer := '';
  end if;
  for v_hop in 1 .. c_hops loop
    scope := coalesce(coalesce(resources, p_resources) #> array[uri, 'dynamic'], '{}') || scope;
    if jsonb_typeof(schema) <> 'object'
      or not schema ?| '{$ref,$dynamicRef}'
      or schema ?& '{$ref,$dynamicRef}'
      or schema - c_beside <> '{}'
    then
      return;
    end if;
    v_reference := coalesce(schema ->> '$ref', schema ->> '$dynamicRef');
    v_target := pgflow._resolve_uri(uri, v_reference);
    uri := split_part(v_target, '#', 1);
    v_fragment := pgflow._percent_decoded(substr(v_target, length(uri) + 2));
    if not coalesce(resources, p_resources) ? uri then
      select d.document into v_document
      from pgflow.schema_documents as d
      where d.uri = _link_target.uri;
      if not found then
        v_problem := 'names a document that this database does not have';
        exit;
      end if;
      resources := coalesce(resources, p_resources) || pgflow._schema_resources(v_document, uri, uri || '#');
      if not resources ? uri then  -- it calls itself by another name
        resources := resources || jsonb_build_object(
          uri, resources -> split_part(pgflow._resolve_uri(uri, v_document ->> '$id'), '#', 1)
        );
      end if;
    end if;
    v_document := schema;
    select f.* into schema, uri, pointer
    from pgflow._find_schema(coalesce(resources, p_resources), uri, v_fragment) as f;
    if v_document ? '$dynamicRef'
      and coalesce(resources, p_resources) #> array[uri, 'dynamic'] ? v_fragment
      and scope ? v_fragment
    then
      v_target := scope ->> v_fragment;
      select f.* into schema, uri, pointer
      from pgflow._find_schema(
        coalesce(resources, p_resources),
        split_part(v_target, '#', 1),
        substr(v_target, strpos(v_target, '#') + 1)
      ) as f;
    end if;
    if coalesce(jsonb_typeof(schema), '') not in ('object', 'boolean') then
      v_problem := 'leads to no schema';
      exit;
    end if;
    is_target := true;
  end loop;
  perform pgflow._raise_schema_invalid(
    p_what,
    pgflow._error_item(
      concat(
        p_resources #>> array[p_uri, 'at'],
        p_pointer,
        case when p_schema ? '$ref' then '/$ref' else '/$dynamicRef' end
      ),
      '$ref',
      pgflow._show(to_jsonb(v_reference)) || ' ' || coalesce(v_problem, 'leads in a circle')
    )
  );
end;
$$;

-- _members: the properties of an object, or the items of an array by their index.
-- Called by: _walk_combined, _evaluated.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one row for each.
create or replace function pgflow._members(p_value jsonb)
returns table (key text, value jsonb)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select e.key, e.value
  from jsonb_each(case jsonb_typeof(p_value) when 'object' then p_value else '{}' end) as e
  union all
  select (e.ordinality - 1)::text, e.value
  from jsonb_array_elements(case jsonb_typeof(p_value) when 'array' then p_value else '[]' end)
    with ordinality as e;
$$;

-- _name_matches: whether the name of a property matches a pattern of `patternProperties`.
-- Thousands of names and patterns meet in one query, in which nothing else looks at the clock.
-- Called by: _walk_more, _evaluated.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   the answer.
-- No `set search_path`, for the reason that _walk gives: without it, it is inlined.
create or replace function pgflow._name_matches(
  p_name text, p_pattern text, p_deadline timestamptz
) returns boolean
language sql volatile parallel safe
as $$
  select case
    when clock_timestamp() <= p_deadline then p_name ~ p_pattern
    else pgflow._raise_walk_limit()
  end;
$$;

-- _not_one_of: what to say of a value that is not among those that are allowed.
-- Called by: _walk_choice_errors, _walk_own_errors, _walk_tag_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the sentence, with as many of the allowed values as 200 characters hold.
create or replace function pgflow._not_one_of(p_value jsonb, p_allowed jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_array_length(p_allowed) = 0 then pgflow._show(p_value) || ', where no value is allowed'
    when jsonb_array_length(p_allowed) = 1
      then pgflow._show(p_value) || ' is not ' || pgflow._show(p_allowed -> 0)
    else format(
      '%s is not one of [%s%s]',
      pgflow._show(p_value),
      string_agg(a.shown, ', ' order by a.n) filter (where a.length <= 200),
      case when count(*) filter (where a.length <= 200) < jsonb_array_length(p_allowed) then ', …' end
    )
  end
  from (
    select s.shown, e.ordinality as n, sum(length(s.shown) + 2) over (order by e.ordinality) as length
    from jsonb_array_elements(p_allowed) with ordinality as e
    cross join lateral pgflow._show(e.value) as s (shown)
    where e.ordinality <= 50
  ) as a;
$$;

-- _only_choice: the one alternative that a value may fit, as far as its type and its tag tell.
-- Called by: _walk.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the index of its node; null when there are none or several.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._only_choice(
  p_node jsonb, p_value jsonb, p_kind text
) returns jsonb
language sql immutable parallel safe
as $$
  select case
    when p_kind = 'object' and p_node ? 'discriminator' then
      coalesce(p_node -> 'anyOf', p_node -> 'oneOf') -> (
        p_node #> '{discriminator,branches}'
        -> (
          case jsonb_typeof(p_value -> (p_node #>> '{discriminator,property}'))
            when 'string' then p_value -> (p_node #>> '{discriminator,property}')
          end
        )::text
      )::integer
    when jsonb_array_length(p_node -> 'choices' -> p_kind) = 1 then p_node -> 'choices' -> p_kind -> 0
  end;
$$;

-- _percent_decoded: the fragment of a URI as it is meant.
-- Called by: _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text; as it was, when its escapes are not UTF-8.
create or replace function pgflow._percent_decoded(p_text text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if strpos(p_text, '%') = 0 then
    return p_text;
  end if;
  return (
    select convert_from(
      string_agg(
        case when p.m[1] ~ '^%..' then decode(substr(p.m[1], 2), 'hex') else convert_to(p.m[1], 'UTF8') end,
        '' order by p.n
      ),
      'UTF8'
    )
    from regexp_matches(p_text, '(%[0-9A-Fa-f]{2}|[^%]+|%)', 'g') with ordinality as p (m, n)
  );
exception
  when character_not_in_repertoire or untranslatable_character then
    return p_text;
end;
$$;

-- _places: every place in a value to which a node of a program applies.
-- Called by: _compile_schema, _residual_checks.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the index of the node; a lax jsonpath that leads to at least these places; the same that leads
--            there for values of any tag; false where it matters too that a value does not fit the node.
create or replace function pgflow._places(
  p_program jsonb,
  p_unrolled integer,  -- how often a node may be inside itself
  p_most integer  -- where to stop: the number of places may grow with the power of the depth
)
returns table (index integer, path text, path_of_any_tag text, is_positive boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with recursive places as (
    select 0 as index, '$' as path, '$' as path_of_any_tag, true as is_positive, '{0}'::integer[] as stack
    union all
    select
      s.index::integer,
      concat(p.path, s.step, s.tags),
      p.path_of_any_tag || s.step,
      p.is_positive and s.is_positive,
      p.stack || s.index::integer
    from places as p
    cross join lateral (select p_program -> p.index) as n (node)
    cross join lateral jsonb_each(case jsonb_typeof(n.node) when 'object' then n.node else '{}' end) as k
    cross join lateral (
      select k.value, case k.key when 'additionalProperties' then '.*' when 'items' then '[*]' else '' end, null, true
      where k.key in ('ref', 'then', 'else', 'items', 'additionalProperties')
      union all
      select k.value, '[*]', null, true
      where k.key = 'contains'
      union all
      select k.value, '', null, false
      where k.key in ('not', 'if', 'propertyNames')
      union all
      select
        m.value,
        case k.key
          when 'properties' then '.' || to_json(m.key)
          when 'patternProperties' then '.*'
          else ''
        end,
        null,
        true
      from jsonb_each(
        case when k.key in ('properties', 'patternProperties', 'dependentSchemas') then k.value end
      ) as m
      union all
      select
        a.value,
        case when k.key = 'prefixItems' then format('[%s]', a.ordinality - 1) else '' end,
        t.tags,
        true
      from jsonb_array_elements(
        case when k.key in ('prefixItems', 'allOf', 'anyOf', 'oneOf') then k.value end
      ) with ordinality as a
      left join lateral (
        -- the values with the tag of this alternative
        select
          ' ? (' || string_agg(format('@.%s == %s', n.node #> '{discriminator,property}', b.key), ' || ') || ')'
        from jsonb_each(n.node #> '{discriminator,branches}') as b
        where k.key in ('anyOf', 'oneOf') and b.value::integer = a.ordinality - 1
      ) as t (tags) on true
    ) as s (index, step, tags, is_positive)
    where cardinality(array_positions(p.stack, s.index::integer)) <= p_unrolled
  )
  select p.index, p.path, p.path_of_any_tag, p.is_positive from places as p limit p_most;
$$;

-- _predicate: a node of a program as a condition of a strict jsonpath about `@`.
-- The condition holds only for values that fit. For other values it is false or unknown, which is why every
-- negation goes through _predicate_not. Where it must be exact it also holds for all values that fit; elsewhere
-- it may decline: below a recursion that is too deep, or for an object or array in `enum`.
-- Lengths of strings, counts of properties and `uniqueItems` are left out where it need not be exact: see
-- _residual_checks.
-- Called by: _compile_schema; and itself through _predicate_array, _predicate_choice, _predicate_members,
--            _predicate_properties.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   the text of the condition, empty when it always holds; null when there is none.
create or replace function pgflow._predicate(
  p_program jsonb,
  p_index integer,
  p_exact boolean,  -- what does not fit matters too: under `not`, `if`, in counting for `oneOf`
  p_unrolled integer,  -- how often a node may be inside itself
  p_stack integer [] default '{}'  -- what the node is inside of
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_longest constant integer := 65536;
  v_node constant jsonb := p_program -> p_index;
  v_stack constant integer[] := p_stack || p_index;
  v_conditions text[];
  v_condition text;
  v_sub record;
begin
  if v_node = 'true' then
    return '';
  elsif v_node = 'false' then
    return pgflow._predicate_never();
  elsif cardinality(array_positions(p_stack, p_index)) > p_unrolled then
    return case when not p_exact then pgflow._predicate_never() end;
  elsif v_node ?| '{unevaluatedProperties,unevaluatedItems}' then
    return null;
  elsif v_node ? 'enum' then
    return pgflow._predicate_enum(p_program, v_node, p_exact);
  end if;

  v_conditions := array[pgflow._predicate_types(p_program, v_node, p_exact, p_unrolled, v_stack)];
  for v_sub in
    select k.key, s.index
    from jsonb_each(v_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'anyOf', 'oneOf', 'not', 'if')
      union all
      select a.value from jsonb_array_elements(case k.key when 'allOf' then k.value end) as a
    ) as s (index)
  loop
    v_condition := case
      when v_sub.key in ('anyOf', 'oneOf')
        then pgflow._predicate_choice(p_program, v_node, v_sub.key, p_exact, p_unrolled, v_stack)
      when v_sub.key in ('not', 'if')
        then pgflow._predicate(p_program, v_sub.index::integer, true, p_unrolled, v_stack)
      else pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, v_stack)
    end;
    v_conditions := v_conditions || case v_sub.key
      when 'not' then pgflow._predicate_not(v_condition)
      when 'if' then pgflow._predicate_joined(
        '&&',
        array[
          pgflow._predicate_joined(
            '||',
            array[
              pgflow._predicate_not(v_condition),
              case
                when v_node ? 'then'
                  then pgflow._predicate(p_program, (v_node -> 'then')::integer, p_exact, p_unrolled, v_stack)
                else ''
              end
            ]
          ),
          pgflow._predicate_joined(
            '||',
            array[
              v_condition,
              case
                when v_node ? 'else'
                  then pgflow._predicate(p_program, (v_node -> 'else')::integer, p_exact, p_unrolled, v_stack)
                else ''
              end
            ]
          )
        ]
      )
      else v_condition
    end;
  end loop;
  v_condition := pgflow._predicate_joined('&&', v_conditions);
  return case when length(v_condition) <= c_longest then v_condition end;
end;
$$;

-- _predicate_array: the condition for what a node says about arrays.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_array(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_first constant integer := coalesce(jsonb_array_length(p_node -> 'prefixItems'), 0);
  v_conditions text[] := '{}';
  v_condition text;
  v_sub record;
begin
  if p_exact and p_node ? 'uniqueItems'
    or p_node ? 'maxContains'
    or p_node -> 'minContains' > '1'
  then
    return null;
  end if;
  if p_node -> 'minItems' > '0' then
    v_conditions := v_conditions || format('@.size() >= %s', p_node -> 'minItems');
  end if;
  if p_node ? 'maxItems' then
    v_conditions := v_conditions || format('@.size() <= %s', p_node -> 'maxItems');
  end if;
  for v_sub in
    select (p.ordinality - 1)::integer as n, p.value as index
    from jsonb_array_elements(p_node -> 'prefixItems') with ordinality as p
  loop
    v_condition := pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = '' then ''
      when v_condition = pgflow._predicate_never() then '@.size() <= ' || v_sub.n
      else format('(@.size() <= %1$s || exists(@[%1$s] ? (%2$s)))', v_sub.n, v_condition)
    end;
  end loop;
  if p_node ? 'items' then
    v_condition := pgflow._predicate_not(
      pgflow._predicate(p_program, (p_node -> 'items')::integer, p_exact, p_unrolled, p_stack)
    );
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = pgflow._predicate_never() then ''
      when v_condition = '' then '@.size() <= ' || v_first
      when v_first = 0 then format('!exists(@[*] ? (%s))', v_condition)
      else format('(@.size() <= %1$s || !exists(@[%1$s to last] ? (%2$s)))', v_first, v_condition)
    end;
  end if;
  if p_node ? 'contains' and p_node -> 'minContains' is distinct from '0' then
    v_condition := pgflow._predicate(p_program, (p_node -> 'contains')::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_condition = '' then '@.size() >= 1'
      when v_condition = pgflow._predicate_never() then v_condition
      else format('exists(@[*] ? (%s))', v_condition)
    end;
  end if;
  return pgflow._predicate_joined('&&', v_conditions);
end;
$$;

-- _predicate_choice: the condition for one of several alternatives, or for exactly one.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_choice(
  p_program jsonb,
  p_node jsonb,
  p_keyword text,  -- anyOf or oneOf
  p_exact boolean,
  p_unrolled integer,
  p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most_rivals constant integer := 4;
  v_alternative record;
  v_conditions text[] := '{}';  -- per alternative
  v_rivals text[] := '{}';  -- per alternative, the positions of its rivals as the text of an integer[]
begin
  for v_alternative in
    select
      a.value as index,
      array(
        -- with oneOf, those that a value might fit as well, as far as its type and its tag tell
        select b.ordinality
        from jsonb_array_elements(p_node -> p_keyword) with ordinality as b
        where p_keyword = 'oneOf'
          and b.ordinality <> a.ordinality
          and (
            not p_node ? 'choices'
            or exists (
              select 1
              from jsonb_each(p_node -> 'choices') as c
              where not (c.key = 'object' and p_node ? 'discriminator')
                and c.value @> jsonb_build_array(a.value, b.value)
            )
          )
        limit c_most_rivals + 1
      ) as rivals
    from jsonb_array_elements(p_node -> p_keyword) with ordinality as a
    order by a.ordinality
  loop
    v_rivals := v_rivals || v_alternative.rivals::text;
    -- one that stands under the negation of another too must be exact; to compile it a second time
    -- for that would take twice as long for each oneOf around it
    v_conditions := v_conditions || case
      when cardinality(v_alternative.rivals) <= c_most_rivals then pgflow._predicate(
        p_program,
        v_alternative.index::integer,
        p_exact or cardinality(v_alternative.rivals) > 0,
        p_unrolled,
        p_stack
      )
    end;
  end loop;
  return pgflow._predicate_joined(
    '||',
    array(
      select coalesce(
        pgflow._predicate_joined(
          '&&',
          c.condition || array(
            select pgflow._predicate_not(v_conditions[r.n]) from unnest(c.rivals::integer[]) as r (n)
          )
        ),
        case when not p_exact then pgflow._predicate_never() end
      )
      from unnest(v_conditions, v_rivals) with ordinality as c (condition, rivals, n)
      order by c.n
    )
  );
end;
$$;

-- _predicate_enum: the condition for one of some values.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_enum(
  p_program jsonb, p_node jsonb, p_exact boolean
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  c_milliseconds constant integer := 1000;
  -- the strings that jsonpath sorts as we do, in every encoding
  c_sortable constant text := '^[\u0001-\u007f]*$';
  v_deadline constant timestamptz := clock_timestamp() + c_milliseconds * interval '1 ms';
  v_values jsonb[];
begin
  -- what else the node says, the walker knows
  v_values := array(
    select e.value
    from jsonb_array_elements(p_node -> 'enum') as e
    where pgflow._walk(p_program, p_node, e.value, 0, v_deadline) is null
  );
  if p_exact
    and exists (select 1 from unnest(v_values) as v (value) where jsonb_typeof(v.value) in ('object', 'array'))
  then
    return null;  -- jsonpath compares scalars only
  end if;
  return pgflow._predicate_joined(
    '||',
    array[
      pgflow._predicate_one_of(
        array(
          select v.value::text from unnest(v_values) as v (value)
          where jsonb_typeof(v.value) = 'string' and v.value #>> '{}' ~ c_sortable
          order by v.value #>> '{}' collate "C"
        )
      ),
      pgflow._predicate_one_of(
        array(
          select v.value::text from unnest(v_values) as v (value)
          where jsonb_typeof(v.value) = 'number'
          order by v.value
        )
      )
    ] || array(
      select format('@ == %s', v.value)
      from unnest(v_values) as v (value)
      where jsonb_typeof(v.value) in ('boolean', 'null')
        or jsonb_typeof(v.value) = 'string' and v.value #>> '{}' !~ c_sortable
    )
  );
end;
$$;

-- _predicate_joined: one condition of several.
-- Called by: _predicate, _predicate_array, _predicate_choice, _predicate_enum, _predicate_members,
--            _predicate_number, _predicate_object, _predicate_one_of, _predicate_properties,
--            _predicate_string, _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition; null when one is null.
create or replace function pgflow._predicate_joined(
  p_operator text,  -- && or ||
  p_conditions text []
) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_most constant integer := 64;
  v_always constant text := case p_operator when '&&' then '' else pgflow._predicate_never() end;
  v_ends constant text := case p_operator when '&&' then pgflow._predicate_never() else '' end;
  v_conditions text[] := array_remove(p_conditions, v_always);
begin
  if array_position(v_conditions, null) is not null then
    return null;
  elsif v_ends = any (v_conditions) then
    return v_ends;
  end if;
  -- Postgres nests a && b && c to the left: of thousands in one row it would say that they are too complex
  while cardinality(v_conditions) > c_most loop
    v_conditions := array(
      select '(' || string_agg(c.condition, format(' %s ', p_operator) order by c.n) || ')'
      from unnest(v_conditions) with ordinality as c (condition, n)
      group by (c.n - 1) / c_most
      order by min(c.n)
    );
  end loop;
  return case cardinality(v_conditions)
    when 0 then v_always
    when 1 then v_conditions[1]
    else '(' || array_to_string(v_conditions, format(' %s ', p_operator)) || ')'
  end;
end;
$$;

-- _predicate_members: the condition for what a node says about all properties, or those with certain names.
-- Called by: _predicate_object.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value but objects.
create or replace function pgflow._predicate_members(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- a predicate has no deadline, and compares one by one: 50,000 names with 1500 others took 14 s
  c_names constant integer := 256;
  c_patterns constant integer := 16;
  v_conditions text[] := '{}';
  v_others text;
  v_sub record;
  v_condition text;
  v_misfit text;
begin
  if p_exact and (p_node ? 'maxProperties' or p_node -> 'minProperties' > '1') then
    return null;
  elsif (select count(*) > c_patterns from jsonb_object_keys(p_node -> 'patternProperties'))
    -- of names that must not be there, the first ends the search
    or p_program -> (p_node -> 'additionalProperties')::integer <> 'false'
    and (select count(*) > c_names from jsonb_object_keys(p_node -> 'properties'))
  then
    return null;
  elsif p_node -> 'minProperties' = '1' then
    v_conditions := v_conditions || 'exists(@.*)'::text;
  end if;
  -- the names that neither `properties` nor `patternProperties` knows
  v_others := pgflow._predicate_joined(
    '&&',
    array(select '@.key != ' || to_json(p.name) from jsonb_object_keys(p_node -> 'properties') as p (name))
    || array(
      select format('!(@.key like_regex %s flag "s")', to_json(p.pattern))
      from jsonb_object_keys(p_node -> 'patternProperties') as p (pattern)
    )
  );
  for v_sub in
    select k.key as keyword, v_others as name, '@.value' as part, k.value as index
    from jsonb_each(p_node) as k
    where k.key = 'additionalProperties'
    union all
    select 'patternProperties', format('@.key like_regex %s flag "s"', to_json(p.key)), '@.value', p.value
    from jsonb_each(p_node -> 'patternProperties') as p
    union all
    select k.key, '', '@.key', k.value
    from jsonb_each(p_node) as k
    where k.key = 'propertyNames'
  loop
    v_condition := pgflow._predicate(
      p_program,
      v_sub.index::integer,
      p_exact or v_sub.keyword = 'propertyNames',  -- there are no residual checks of names
      p_unrolled,
      p_stack
    );
    v_misfit := pgflow._predicate_joined(
      '&&', array[v_sub.name, pgflow._predicate_not(v_condition, v_sub.part)]
    );
    v_conditions := v_conditions || case
      when v_misfit is null then null
      when v_misfit = pgflow._predicate_never() then ''
      when v_misfit = '' then '!exists(@.*)'
      when v_sub.keyword = 'additionalProperties' and v_sub.name = ''
        then format('!exists(@.* ? (%s))', pgflow._predicate_not(v_condition))
      else format('!exists(@.keyvalue() ? (%s))', v_misfit)
    end;
  end loop;
  return pgflow._predicate_joined('&&', v_conditions);
end;
$$;

-- _predicate_never: the condition that holds for no value.
-- Called by: every function that makes predicates.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition.
create or replace function pgflow._predicate_never() returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '(1 == 0)';
$$;

-- _predicate_not: a condition that holds where another does not, be it false or unknown.
-- Called by: _predicate, _predicate_array, _predicate_choice, _predicate_members.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text of the condition; null for null.
create or replace function pgflow._predicate_not(
  p_condition text,
  p_of text default '@'  -- what the condition is about
) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_condition = '' then pgflow._predicate_never()
    when p_condition = pgflow._predicate_never() then ''
    else '!exists(' || p_of || ' ? (' || p_condition || '))'
  end;
$$;

-- _predicate_number: the condition for what a node says about numbers.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_number(p_node jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select pgflow._predicate_joined(
    '&&',
    array(
      select '@ % 1 == 0'
      where not p_node -> 'type' ? 'number'
      union all
      select format(l.condition, p_node -> l.keyword)
      from (
        values
        ('minimum', '@ >= %s'),
        ('maximum', '@ <= %s'),
        ('exclusiveMinimum', '@ > %s'),
        ('exclusiveMaximum', '@ < %s'),
        ('multipleOf', '@ %% %s == 0')
      ) as l (keyword, condition)
      where p_node ? l.keyword
    )
  );
$$;

-- _predicate_object: the condition for what a node says about objects.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_object(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_named constant text := pgflow._predicate_properties(p_program, p_node, p_exact, p_unrolled, p_stack);
  v_any constant text := pgflow._predicate_members(p_program, p_node, p_exact, p_unrolled, p_stack);
begin
  return pgflow._predicate_joined(
    '&&',
    array[
      -- what looks for a property that must be there, or at all of them, holds for objects only
      case when v_named = '' or v_any <> '' or p_node ? 'required' then '' else '@.type() == "object"' end,
      v_named,
      v_any
    ]
  );
end;
$$;

-- _predicate_one_of: the condition for one of many constants, halving them with each comparison.
-- Called by: _predicate_enum, and itself.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_one_of(
  p_constants text []  -- as JSON: strings only, or numbers only, in ascending order
) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  c_few constant integer := 8;
  v_half constant integer := cardinality(p_constants) / 2;
begin
  if cardinality(p_constants) <= c_few then
    return pgflow._predicate_joined('||', array(select '@ == ' || c.text from unnest(p_constants) as c (text)));
  end if;
  return format(
    '((@ < %1$s && %2$s) || (@ >= %1$s && %3$s))',
    p_constants[v_half + 1],
    pgflow._predicate_one_of(p_constants[: v_half]),
    pgflow._predicate_one_of(p_constants[v_half + 1 :])
  );
end;
$$;

-- _predicate_properties: the condition for what a node says about properties by their name.
-- Called by: _predicate_object.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate, for objects.
create or replace function pgflow._predicate_properties(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sub record;
  v_path text;
  v_condition text;
  v_conditions text[] := '{}';
begin
  for v_sub in
    select
      k.name,
      p_node -> 'properties' -> k.name as index,
      coalesce(p_node -> 'required' ? k.name, false) as is_required
    from (
      select r.name from jsonb_array_elements_text(p_node -> 'required') as r (name)
      union
      select p.name from jsonb_object_keys(p_node -> 'properties') as p (name)
    ) as k
    -- constants first: they tell the alternatives of a union apart
    order by
      p_program -> (p_node -> 'properties' -> k.name)::integer ? 'enum' desc nulls last, is_required desc, k.name
  loop
    v_path := '@.' || to_json(v_sub.name);
    v_condition := case
      when v_sub.index is null then ''
      else pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack)
    end;
    v_conditions := v_conditions || case
      when v_condition is null then null
      when v_sub.is_required and v_condition = pgflow._predicate_never() then v_condition
      when v_sub.is_required and v_condition = '' then format('exists(%s)', v_path)
      when v_sub.is_required then format('exists(%s ? (%s))', v_path, v_condition)
      when v_condition = '' then ''
      -- to look for a property that is absent is an error, and what has an error is unknown
      when v_condition = pgflow._predicate_never() then format('((exists(%s)) is unknown)', v_path)
      else format('((exists(%1$s)) is unknown || exists(%1$s ? (%2$s)))', v_path, v_condition)
    end;
  end loop;
  for v_sub in
    select d.key as name, d.value as index from jsonb_each(p_node -> 'dependentSchemas') as d
  loop
    v_condition := pgflow._predicate(p_program, v_sub.index::integer, p_exact, p_unrolled, p_stack);
    v_conditions := v_conditions || pgflow._predicate_joined(
      '||', array[format('((exists(@.%s)) is unknown)', to_json(v_sub.name)), v_condition]
    );
  end loop;
  return pgflow._predicate_joined(
    '&&',
    v_conditions || array(
      select pgflow._predicate_joined(
        '||',
        array[
          format('((exists(@.%s)) is unknown)', to_json(d.key)),
          pgflow._predicate_joined(
            '&&', array(select format('exists(@.%s)', r.value) from jsonb_array_elements(d.value) as r)
          )
        ]
      )
      from jsonb_each(p_node -> 'dependentRequired') as d
    )
  );
end;
$$;

-- _predicate_string: the condition for what a node says about strings.
-- Called by: _predicate_types.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   as _predicate; it holds for no value of another type.
create or replace function pgflow._predicate_string(p_node jsonb, p_exact boolean) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_exact and (p_node ? 'maxLength' or p_node -> 'minLength' > '1') then null
    else pgflow._predicate_joined(
      '&&',
      array[
        case when p_node ? 'pattern' then format('@ like_regex %s flag "s"', p_node -> 'pattern') else '' end,
        case
          when (p_node -> 'minLength' > '0') is not true then ''
          when p_node ? 'pattern' then '@ != ""'
          else '(@.type() == "string" && @ != "")'
        end
      ]
    )
  end;
$$;

-- _predicate_types: the condition for what a node says about each type of values.
-- Called by: _predicate.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _compile_schema catches it.
-- Returns:   as _predicate.
create or replace function pgflow._predicate_types(
  p_program jsonb, p_node jsonb, p_exact boolean, p_unrolled integer, p_stack integer []
) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text;
  v_condition text;
  v_free text[] := '{}';  -- types of which all values fit
  v_bound text[] := '{}';
  v_conditions text[] := '{}';
begin
  for v_type in
    select t.type
    from unnest('{string,number,object,array,boolean,"null"}'::text[]) with ordinality as t (type, n)
    where (p_node -> 'type' ? t.type) is not false or t.type = 'number' and p_node -> 'type' ? 'integer'
    order by t.n
  loop
    v_condition := case v_type
      when 'string' then pgflow._predicate_string(p_node, p_exact)
      when 'number' then pgflow._predicate_number(p_node)
      when 'object' then pgflow._predicate_object(p_program, p_node, p_exact, p_unrolled, p_stack)
      when 'array' then pgflow._predicate_array(p_program, p_node, p_exact, p_unrolled, p_stack)
      else ''
    end;
    if v_condition = '' then
      v_free := v_free || v_type;
    else
      v_bound := v_bound || v_type;
      v_conditions := v_conditions
        || coalesce(v_condition, case when not p_exact then pgflow._predicate_never() end);
    end if;
  end loop;
  return pgflow._predicate_joined(
    '||',
    v_conditions || case
      when p_node ? 'type' then array(select format('@.type() == "%s"', f.type) from unnest(v_free) as f (type))
      else array[
        pgflow._predicate_joined(
          '&&', array(select format('@.type() != "%s"', b.type) from unnest(v_bound) as b (type))
        )
      ]
    end
  );
end;
$$;

-- _put_schema: store a schema once, in the form in which values are checked.
-- Called by: _put_schemas.
-- Locks:     the row of a schema that is new, until the transaction ends: who stores several must keep others
--            from doing the same in another order, as deploy does.
-- Raises:    PF211 for what is no JSON Schema of draft 2020-12, or is refused beyond that.
-- Returns:   schema_id.
create or replace function pgflow._put_schema(
  p_schema jsonb,
  p_at text,  -- JSON pointer to the schema, for messages
  p_what text  -- such as: the result schema of step 'merge' of flow 'voice_memo'
) returns bytea
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bytea;
begin
  perform pgflow._check_schema_size(p_schema, p_at, p_what);
  v_id := pgflow._schema_id(p_schema);
  if exists (
    select 1
    from pgflow.schemas as s
    where s.schema_id = v_id and s.compiler_version = pgflow._compiler_version()
  ) then
    return v_id;
  end if;
  perform pgflow._check_schema(p_schema, p_at, p_what);
  insert into pgflow.schemas as s (
    schema_id, schema, program, predicate, residual_paths, residual_kinds, residual_mins, residual_maxs,
    residual_free_bytes, compiler_version
  )
  select v_id, p_schema, c.*, pgflow._compiler_version()
  from pgflow._compile_schema(p_schema, p_at, p_what) as c
  on conflict (schema_id) do update
    set program = excluded.program,
      predicate = excluded.predicate,
      residual_paths = excluded.residual_paths,
      residual_kinds = excluded.residual_kinds,
      residual_mins = excluded.residual_mins,
      residual_maxs = excluded.residual_maxs,
      residual_free_bytes = excluded.residual_free_bytes,
      compiler_version = excluded.compiler_version
    where s.compiler_version < excluded.compiler_version;
  return v_id;
end;
$$;

-- _raise_schema_invalid: refuse a schema, with all that is wrong with it.
-- Called by: every function that refuses schemas.
-- Locks:     none.
-- Raises:    PF211 always.
-- Returns:   never.
create or replace function pgflow._raise_schema_invalid(
  p_what text,  -- such as: the result schema of step "merge"
  p_errors jsonb  -- array of {at, keyword, message}
) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF211',
    message = format(
      '%s is refused: %s%s%s',
      p_what,
      case when p_errors #>> '{0,at}' <> '' then 'at ' || (p_errors #>> '{0,at}') || ': ' end,
      p_errors #>> '{0,message}',
      case
        when jsonb_array_length(p_errors) > 1
          then format(' (and %s more)', jsonb_array_length(p_errors) - 1)
      end
    ),
    detail = jsonb_build_object('errors', p_errors)::text,
    hint = 'schemas are JSON Schema draft 2020-12; docs/errors.md says what is refused beyond that';
end;
$$;

-- _raise_walk_limit: the time for validating a value is up.
-- Called by: _walk, _name_matches.
-- Locks:     none.
-- Raises:    PFLIM always; _explain catches it.
-- Returns:   never.
create or replace function pgflow._raise_walk_limit() returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PFLIM',
    message = 'validating took too long',
    detail = '{}',
    hint = 'send less at once, or raise pgflow.validation_deadline_ms';
end;
$$;

-- _recompile_schemas: bring what older compilers wrote up to date.
-- Called by: migrations, the first one and those that change the compiler.
-- Locks:     the rows of schemas that are not up to date.
-- Raises:    PF211 for a stored schema that the compiler of this database refuses.
-- Returns:   nothing.
create or replace function pgflow._recompile_schemas() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- the one document that schemas are checked against, see _check_schema
  update pgflow.schema_documents as d
  set program = pgflow._link_schema(d.document, '', d.uri)
  where d.uri = 'https://json-schema.org/draft/2020-12/schema';

  update pgflow.schemas as s
  set program = c.program,
    predicate = c.predicate,
    residual_paths = c.residual_paths,
    residual_kinds = c.residual_kinds,
    residual_mins = c.residual_mins,
    residual_maxs = c.residual_maxs,
    residual_free_bytes = c.residual_free_bytes,
    compiler_version = pgflow._compiler_version()
  from pgflow.schemas as old
  cross join lateral pgflow._compile_schema(old.schema, '', 'the schema ' || encode(old.schema_id, 'hex')) as c
  where old.schema_id = s.schema_id
    and old.compiler_version < pgflow._compiler_version();
end;
$$;

-- _regex_class: what an escape of ECMA-262 that stands for a set of characters is in Postgres.
-- Explicit sets, because `\d`, `\w` and `\s` of Postgres depend on the locale of the database. There
-- is no explicit set for letters: `\p{L}` is what the locale of the database calls a letter.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the content of a bracket expression; null when the escape is no such set, or when its
--            complement cannot be written inside other brackets.
create or replace function pgflow._regex_class(p_escape text, p_in_brackets boolean) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select case
    when p_escape = '\d' then '0-9'
    when p_escape = '\w' then 'A-Za-z0-9_'
    when p_escape = '\s'
      then '\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'
    when p_escape = '\D' then '\u0001-/:-\U0010ffff'
    when p_escape = '\W' then '\u0001-/:-@\u005b-\u005e`{-\U0010ffff'
    when p_escape = '\S'
      then '\u0001-\u0008\u000e-\u001f!-\u009f\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e'
        || '\u2030-\u205e\u2060-\u2fff\u3001-\ufefe\uff00-\U0010ffff'
    when p_escape ~ '^\\p' then n.name
    when p_escape ~ '^\\P' and not p_in_brackets then '^' || n.name
  end
  from (
    select case substring(p_escape from '^\\[pP]\{(?:(?:General_Category|gc)=)?([^}]*)\}$')
      when 'L' then '[:alpha:]'
      when 'Letter' then '[:alpha:]'
      when 'Alphabetic' then '[:alpha:]'
      when 'Lu' then '[:upper:]'
      when 'Uppercase_Letter' then '[:upper:]'
      when 'Ll' then '[:lower:]'
      when 'Lowercase_Letter' then '[:lower:]'
      when 'Nd' then '[:digit:]'
      when 'digit' then '[:digit:]'
      when 'Decimal_Number' then '[:digit:]'
      when 'ASCII' then '\u0001-\u007f'
      when 'Any' then '\u0001-\U0010ffff'
    end
  ) as n (name);
$$;

-- _regex_looks_far: whether a pattern looks ahead or behind without bound, and not only from the beginning.
-- Postgres never backtracks, but `(?=.*x)` reads the rest of the text at each of its characters: 4 s for 40 kB,
-- and 600 times as much for 1 MB. Right after `^` it is read once.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer.
create or replace function pgflow._regex_looks_far(p_pattern text) returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  v_token text;
  v_depth integer := 0;
  v_look integer;  -- how deep the look around begins that we are in
  v_begins boolean := true;  -- nothing stands before, in this alternative of the whole pattern
  v_anchored boolean := false;  -- only ^, and looks around, stand before
begin
  if p_pattern !~ '\(\?<?[=!]' then
    return false;
  end if;
  for v_token in
    select t.m[1]
    from regexp_matches(
      -- neither escapes nor sets matter
      regexp_replace(p_pattern, '\\.|\[(?:\\.|[^\]\\])*\]', 'x', 'g'),
      '(\(\?<?[=!]|\{[0-9]+,\}|.)', 'g'
    ) as t (m)
  loop
    if v_token = ')' then
      v_look := case when v_look < v_depth then v_look end;
      v_depth := v_depth - 1;
      continue;
    elsif v_token ~ '^\(' then
      v_depth := v_depth + 1;
    end if;
    if v_look is not null then
      if not v_anchored and v_token ~ '^([*+]|\{.)' then
        return true;
      end if;
    elsif v_token ~ '^\(\?<?[=!]' then
      v_look := v_depth;
    else
      v_anchored := v_token = '^' and v_begins;
      v_begins := v_token = '|' and v_depth = 0;
    end if;
  end loop;
  return false;
end;
$$;

-- _regex_refusal: what to write instead of a part of a pattern that is not taken.
-- Called by: _regex_to_are.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the sentence for the error report.
create or replace function pgflow._regex_refusal(p_part text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
  select format('%s in a pattern: ', to_jsonb(p_part)) || case
    when p_part = '\A' then 'write ^'
    when p_part in ('\Z', '\z') then 'write $'
    when p_part ~ '^\\[1-9k]' or p_part = '(?P=' then 'back references are not supported'
    when p_part ~ '^\\[pP]'
      then 'of the Unicode properties, only L, Lu, Ll and Nd are supported'
    when p_part ~ '^\\(?:0|u0000|x00|u\{0+\}|c@)$' then 'no text in Postgres holds this character'
    when p_part ~ '^\\' then 'ECMA-262 has no such escape'
    when p_part = '(?' then 'options in a pattern are not supported; for (?i) write both cases, [Aa]'
    when p_part = '[]' then 'an empty set matches nothing; write "not" or the schema false'
    else 'is not supported'
  end;
$$;

-- _regex_to_are: a pattern of JSON Schema (ECMA-262) as an advanced regular expression of Postgres.
-- Of what other languages add, only the named group of Python and Rust, `(?P<name>`, is taken.
-- Called by: _link_keywords.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the translation, or why there is none.
create or replace function pgflow._regex_to_are(
  p_pattern text, out expression text, out refusal text
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  -- Postgres writes bounded repetitions out: ^(a{0,140}){0,140}b$ took 1.6 s to compile
  c_longest constant integer := 1000;
  v_token text;
  v_out text := '';
  v_part text;
  v_set text;
  v_class text;  -- what stands in the brackets so far; null outside of them
  v_was_set boolean := false;  -- the last thing in the brackets was a set, such as \w
  v_sizes integer[] := '{0}';  -- per open group, the characters it has when written out
  v_last integer := 0;  -- the same of the last atom
  v_bound integer;
begin
  refusal := case
    when p_pattern ~ '^\*' then 'a pattern that begins with *, which repeats nothing'
    when length(p_pattern) > c_longest then format('a pattern has at most %s characters', c_longest)
    when pgflow._regex_looks_far(p_pattern) then 'a look ahead or behind without bound: write ^ before it'
  end;
  if refusal is not null then
    return;
  end if;
  for v_token in
    select t.m[1] from regexp_matches(
      p_pattern,
      '(\\(?:u\{[0-9A-Fa-f]{1,6}\}|u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}'
      || '|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|[pP]\{[^}]*\}|k<[^>]*>|[0-9]+|.)'
      || '|\(\?P?<[A-Za-z_][A-Za-z0-9_]*>|\(\?P=|\(\?<[=!]|\(\?[:=!]|\(\?'
      || '|\{[0-9]+(?:,[0-9]*)?\}|\[\^?|.)',
      'g'
    ) as t (m)
  loop
    v_part := null;
    if v_token ~ '^\\.' then
      v_part := case
        when v_token ~ '^\\u\{'
          then '\U' || lpad(btrim(substr(v_token, 3), '{}'), 8, '0')
        when v_token ~ '^\\u.{4}\\'
          then '\U' || lpad(
            to_hex(
              65536 + (('x' || substr(v_token, 3, 4))::bit(16)::integer - 55296) * 1024
              + ('x' || substr(v_token, 9, 4))::bit(16)::integer - 56320
            ), 8, '0'
          )
        when v_token ~ '^\\u.{4}' then v_token
        when v_token ~ '^\\x..' then '\u00' || substr(v_token, 3)
        when v_token ~ '^\\c.' then '\u00' || lpad(to_hex(ascii(upper(substr(v_token, 3))) - 64), 2, '0')
        when v_token ~ '^\\[tnrfv]$' then v_token
        when v_token ~ '^\\[^A-Za-z0-9]$' then v_token
        when v_token = '\b' and v_class is null then '\y'
        when v_token = '\b' then '\u0008'
        when v_token = '\B' and v_class is null then '\Y'
      end;
      v_set := pgflow._regex_class(v_token, v_class is not null);
      if coalesce(v_part, v_set) is null or v_part ~ '^\\[uU]0+$' then
        refusal := pgflow._regex_refusal(v_token);
        return;
      end if;
      if v_set is not null then
        if v_class is not null then
          v_class := v_class || v_set;
          v_was_set := true;
          continue;
        end if;
        v_part := '[' || v_set || ']';
      end if;
    end if;
    if v_class is not null then
      if v_token <> ']' then
        v_class := v_class || case
          when v_part is not null then v_part
          when v_token = '-' and v_was_set then '\-'  -- after a set it is no range
          else replace(v_token, '[', '\[')
        end;
        v_was_set := false;
        continue;
      end if;
      if v_class = '[' then
        refusal := pgflow._regex_refusal('[]');
        return;
      end if;
      v_part := case when v_class = '[^' then '[\u0001-\U0010ffff]' else v_class || ']' end;
      v_class := null;
    elsif v_token in ('[', '[^') then
      v_class := v_token;
      v_was_set := false;
      continue;
    elsif v_token in ('(?', '(?P=') then
      refusal := pgflow._regex_refusal(v_token);
      return;
    end if;

    -- outside of brackets: count how long this grows when written out
    if v_token ~ '^\{[0-9]' then
      v_bound := greatest(
        substring(v_token from '^\{([0-9]{1,5})'), coalesce(substring(v_token from ',([0-9]{1,5})'), '0')
      )::integer;
      if v_token ~ '[0-9]{5}' or v_bound > 255 then
        refusal := format('%s in a pattern: at most 255 repetitions; use minLength, maxLength', v_token);
        return;
      end if;
      v_last := v_last * v_bound;
    elsif v_token ~ '^\(' then
      v_sizes := v_sizes[: cardinality(v_sizes) - 1]
        || (v_sizes[cardinality(v_sizes)] + v_last) || 0;
      v_last := 0;
    elsif v_token = ')' and cardinality(v_sizes) > 1 then
      v_last := v_sizes[cardinality(v_sizes)] + v_last;
      v_sizes := v_sizes[: cardinality(v_sizes) - 1];
    elsif v_token not in ('*', '+', '?') then
      v_sizes[cardinality(v_sizes)] := v_sizes[cardinality(v_sizes)] + v_last;
      v_last := 1;
    end if;
    if v_last + v_sizes[cardinality(v_sizes)] > c_longest then
      refusal := format('a pattern whose repetitions, written out, exceed %s characters', c_longest);
      return;
    end if;
    v_out := v_out || case
      when v_part is not null then v_part
      when v_token = '.' then '[^\n\r\u2028\u2029]'
      when v_token in ('{', '}') then '\' || v_token
      when v_token ~ '^\(\?P?<[A-Za-z_]' then '('
      else v_token
    end;
  end loop;
  if v_class is not null then
    refusal := 'a pattern with a [ that is not closed';
    return;
  end if;
  begin
    perform '' ~ v_out;
    expression := v_out;
  exception
    when invalid_regular_expression then
      refusal := format('a pattern that is not valid: %s', sqlerrm);
  end;
end;
$$;

-- _residual_checks: what a predicate cannot say about a value, because jsonpath does not count.
-- A check is for all values at its path, also for those of an alternative that the value does not fit: it may
-- decline more than the schema, and never less.
-- Called by: _compile_schema.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   per path and kind the strictest bounds. The kinds are `length` (of strings), `properties` (how
--            many an object has) and `unique` (items of an array).
create or replace function pgflow._residual_checks(
  p_program jsonb, p_unrolled integer, p_places integer
)
returns table (path jsonpath, kind text, at_least integer, at_most integer)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  with places as materialized (
    select p.path, p.path_of_any_tag, p_program -> p.index as node
    from pgflow._places(p_program, p_unrolled, p_places) as p
    where p.is_positive
  ),
  checks as (
    select
      p.path, p.path_of_any_tag, c.kind, max(c.at_least::integer) as at_least, min(c.at_most::integer) as at_most
    from places as p
    cross join lateral (
      values
      ('length', p.node -> 'minLength', p.node -> 'maxLength'),
      ('properties', p.node -> 'minProperties', p.node -> 'maxProperties'),
      ('unique', case when p.node ? 'uniqueItems' then '1'::jsonb end, null)
    ) as c (kind, at_least, at_most)
    where not p.node ? 'enum'  -- whose values are known to fit
      and case c.kind when 'unique' then c.at_least is not null else c.at_least > '1' or c.at_most is not null end
    group by p.path, p.path_of_any_tag, c.kind
  ),
  -- a check that all alternatives of a union have needs no look at the tag, and is made once
  shared as (
    select c.path_of_any_tag, c.kind
    from checks as c
    group by c.path_of_any_tag, c.kind
    having count(distinct (c.at_least, c.at_most)) = 1
      and count(*) = (
        select count(distinct p.path) from places as p where p.path_of_any_tag = c.path_of_any_tag
      )
  )
  select ('lax ' || r.path)::jsonpath, r.kind, r.at_least, r.at_most
  from (
    select distinct coalesce(s.path_of_any_tag, c.path) as path, c.kind, c.at_least, c.at_most
    from checks as c
    left join shared as s on s.path_of_any_tag = c.path_of_any_tag and s.kind = c.kind
  ) as r
  order by r.path, r.kind;
$$;

-- _residuals_fit: do the residual checks of a schema hold for a value.
-- Called by: _check_results, _check_value.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the answer; true where there are no such checks. See _residual_checks.
-- Most paths lead to one text, which takes no query: for one such check 10 us less.
create or replace function pgflow._residuals_fit(
  p_value jsonb, p_paths jsonpath [], p_kinds text [], p_mins integer [], p_maxs integer []
) returns boolean
language plpgsql stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_found jsonb;
  v_least integer;
  v_most integer;
begin
  for v_check in 1..coalesce(cardinality(p_paths), 0) loop
    v_found := jsonb_path_query_array(p_value, p_paths[v_check]);
    v_least := coalesce(p_mins[v_check], 0);
    v_most := coalesce(p_maxs[v_check], 2147483647);
    if p_kinds[v_check] = 'length' and jsonb_array_length(v_found) = 1 then
      if jsonb_typeof(v_found -> 0) = 'string'
        and length(v_found ->> 0) not between v_least and v_most
      then
        return false;
      end if;
    elsif v_found <> '[]' and exists (
      select 1
      from jsonb_array_elements(v_found) as v
      where case p_kinds[v_check]
        when 'length'
          then jsonb_typeof(v.value) = 'string' and length(v.value #>> '{}') not between v_least and v_most
        when 'properties'
          then jsonb_typeof(v.value) = 'object'
            and (select count(*) from jsonb_object_keys(v.value)) not between v_least and v_most
        else
          jsonb_typeof(v.value) = 'array'
          and (select count(*) > count(distinct e.value) from jsonb_array_elements(v.value) as e)
      end
    ) then
      return false;
    end if;
  end loop;
  return true;
end;
$$;

-- _resolve_uri: the absolute form of a reference, as RFC 3986 section 5.2 says.
-- Called by: _find_schema, _link_target, _schema_resources.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the URI with its fragment; with an empty base, the reference as it is.
create or replace function pgflow._resolve_uri(p_base text, p_reference text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_base text[];
  v_path text;
  v_part text;
  v_parts text[] := '{}';
begin
  if p_reference ~ '^[A-Za-z][A-Za-z0-9+.-]*:' or p_base = '' then
    return p_reference;
  end if;
  if p_reference = '' or p_reference ~ '^#' then
    return split_part(p_base, '#', 1) || p_reference;
  end if;
  -- scheme, authority, path
  v_base := regexp_match(p_base, '^([A-Za-z][A-Za-z0-9+.-]*:)?(//[^/?#]*)?([^?#]*)');
  if p_reference ~ '^//' then
    return coalesce(v_base[1], '') || p_reference;
  end if;
  v_path := p_reference;
  if p_reference !~ '^/' then
    v_path := regexp_replace(v_base[3], '[^/]*$', '') || p_reference;
    if v_base[2] is not null and v_path !~ '^/' then
      v_path := '/' || v_path;
    end if;
  end if;
  foreach v_part in array string_to_array(split_part(split_part(v_path, '#', 1), '?', 1), '/') loop
    if v_part = '..' then
      v_parts := v_parts[: greatest(cardinality(v_parts) - 1, 1)];
    elsif v_part <> '.' then
      v_parts := v_parts || v_part;
    end if;
  end loop;
  return concat(
    v_base[1], v_base[2], array_to_string(v_parts, '/'), substring(v_path from '[?#].*$')
  );
end;
$$;

-- _schema_id: the name under which a schema is stored; equal schemas have one.
-- Called by: _put_schema, _upgrade_problems, _put_flow, _put_contracts, _check_same_schemas,
--            _check_nulls.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   sha256 of the schema as jsonb writes it, in UTF-8.
create or replace function pgflow._schema_id(p_schema jsonb) returns bytea
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select sha256(convert_to(p_schema::text, 'UTF8'));
$$;

-- _schema_resources: the document and every schema in it that has an `$id`, with their anchors.
-- Called by: _link_schema, _link_target.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   by URI: `uri`; `schema`; `at`, where it is, for messages; `anchors`, name to
--            JSON pointer within it; `dynamic`, the dynamic anchors, name to URI with fragment.
create or replace function pgflow._schema_resources(
  p_document jsonb,
  p_uri text,
  p_at text  -- what JSON pointers into the document begin with in messages
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  v_uri text := p_uri;
begin
  if jsonb_typeof(p_document -> '$id') = 'string' then
    v_uri := split_part(pgflow._resolve_uri(p_uri, p_document ->> '$id'), '#', 1);
  end if;
  if p_document::text !~ '"\$(?:id|anchor|dynamicAnchor)"' then
    return jsonb_build_object(
      v_uri,
      jsonb_build_object('uri', v_uri, 'schema', p_document, 'at', p_at) || '{"anchors": {}, "dynamic": {}}'
    );
  end if;
  return (
    with recursive places as (
      select v_uri as uri, '' as pointer, p_at as at, p_document as schema
      union all
      select n.uri, case when n.begins then '' else n.pointer end, n.at, n.schema
      from (
        select
          p.pointer || s.step as pointer,
          p.at || s.step as at,
          s.schema,
          s.begins,
          case
            when s.begins
              then split_part(pgflow._resolve_uri(p.uri, s.schema ->> '$id'), '#', 1)
            else p.uri
          end as uri
        from places as p
        cross join lateral (
          select
            u.schema,
            pgflow._pointer('', u.keyword) || coalesce(pgflow._pointer('', u.name), '') as step,
            coalesce(jsonb_typeof(u.schema -> '$id') = 'string', false) as begins
          from pgflow._subschemas(p.schema) as u
        ) as s
      ) as n
    ),
    anchors as (
      select p.uri, p.pointer, a.name, a.dynamic
      from places as p
      cross join lateral (
        values (p.schema ->> '$anchor', false), (p.schema ->> '$dynamicAnchor', true)
      ) as a (name, dynamic)
      where a.name is not null
    )
    select jsonb_object_agg(
      p.uri,
      jsonb_build_object(
        'uri', p.uri,
        'schema', p.schema,
        'at', p.at,
        'nested', true,
        'anchors',
        coalesce(
          (select jsonb_object_agg(a.name, a.pointer) from anchors as a where a.uri = p.uri), '{}'
        ),
        'dynamic',
        coalesce(
          (
            select jsonb_object_agg(a.name, a.uri || '#' || a.pointer)
            from anchors as a
            where a.uri = p.uri and a.dynamic
          ),
          '{}'
        )
      )
    )
    from places as p
    where p.pointer = ''
  );
end;
$$;

-- _show: a value as error messages show it: 60 characters of a scalar, of all else only the type.
-- The text of a number can be long (1e131000 is 131 kB), that of an object as long as memory lasts.
-- Called by: every function that reports what does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the text.
create or replace function pgflow._show(p_value jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_value) = 'object' then 'an object'
    when jsonb_typeof(p_value) = 'array' then 'an array'
    when coalesce(length(p_value #>> '{}'), 0) <= 60 then p_value::text  -- null has no text
    when jsonb_typeof(p_value) = 'string' then to_jsonb(left(p_value #>> '{}', 60) || '…')::text
    else left(p_value #>> '{}', 60) || '…'
  end;
$$;

-- _subschemas: the schemas directly inside a schema, by the keyword that holds them.
-- Called by: _link_schema, _schema_resources.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   keyword, then the key or index below it (null where the keyword holds one schema).
create or replace function pgflow._subschemas(p_schema jsonb)
returns table (keyword text, name text, schema jsonb)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select k.key, s.name, s.schema
  from jsonb_each(case jsonb_typeof(p_schema) when 'object' then p_schema else '{}' end) as k
  cross join lateral (
    select null, k.value
    where k.key in (
      'items', 'contains', 'additionalProperties', 'propertyNames', 'if', 'then', 'else', 'not',
      'unevaluatedItems', 'unevaluatedProperties'
    )
    union all
    select m.key, m.value
    from jsonb_each(
      case
        when k.key in ('properties', 'patternProperties', 'dependentSchemas', '$defs')
          and jsonb_typeof(k.value) = 'object' then k.value
        else '{}'
      end
    ) as m
    union all
    select (a.ordinality - 1)::text, a.value
    from jsonb_array_elements(
      case
        when k.key in ('prefixItems', 'allOf', 'anyOf', 'oneOf')
          and jsonb_typeof(k.value) = 'array' then k.value
        else '[]'
      end
    ) with ordinality as a
  ) as s (name, schema);
$$;

-- _told: errors of a validation in one line, for messages.
-- Called by: _result_error, _misfit, _check_sub_flow, _check_signal, _check_payloads.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the first error with its JSON pointer, and how many more there are.
create or replace function pgflow._told(p_errors jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select concat(
    'at ', coalesce(nullif(p_errors #>> '{0,at}', ''), 'the top'), ', ', p_errors #>> '{0,message}',
    case when n.more > 0 then format(' (and %s more)', n.more) end
  )
  from (select jsonb_array_length(p_errors) - 1 as more) as n;
$$;

-- _under: the errors of a part as errors of the whole.
-- Called by: _walk, _walk_array, _walk_combined, _walk_more, _walk_tag_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors with the key or index of the part before each `at`.
create or replace function pgflow._under(p_key text, p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then coalesce(
      jsonb_agg(
        e.value || jsonb_build_object(
          'at',
          pgflow._pointer('', case when length(p_key) > 200 then left(p_key, 200) || '…' else p_key end)
          || (e.value ->> 'at')
        )
        order by e.ordinality
      ),
      '[]'
    )
  end
  from jsonb_array_elements(p_errors) with ordinality as e;
$$;

-- _under_name: the errors of the name of a property as errors of the object.
-- Called by: _walk_more.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors.
create or replace function pgflow._under_name(p_name text, p_errors jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_errors is not null then coalesce(
      jsonb_agg(
        jsonb_build_object(
          'at', '',
          'keyword', 'propertyNames',
          'message', format('property name %s: %s', pgflow._show(to_jsonb(p_name)), e.value ->> 'message')
        )
        order by e.ordinality
      ),
      '[]'
    )
  end
  from jsonb_array_elements(p_errors) with ordinality as e;
$$;

-- _unexpected: the error of a property or item that must not be there.
-- Called by: _walk, _walk_array, _walk_combined, _walk_more.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error at the property or item itself; an empty array when none is wanted.
create or replace function pgflow._unexpected(
  p_wanted integer, p_node jsonb, p_key text, p_keyword text default null
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    else pgflow._error_item(
      '',
      k.keyword,
      case when k.keyword ~* 'items$' then 'unexpected item' else 'unexpected property' end
    )
  end
  from (
    select coalesce(
      p_keyword,
      case
        when p_node -> 'properties' ? p_key then 'properties'
        when p_node ? 'additionalProperties' then 'additionalProperties'
        when jsonb_array_length(p_node -> 'prefixItems') > p_key::integer then 'prefixItems'
        else 'items'
      end
    )
  ) as k (keyword);
$$;

-- _validation_deadline_ms: for how long one value may be validated.
-- Called by: _explain.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the setting pgflow.validation_deadline_ms of the session, role or database; else 2000.
create or replace function pgflow._validation_deadline_ms() returns integer
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    substring(current_setting('pgflow.validation_deadline_ms', true) from '^[0-9]{1,8}$')::integer, 2000
  );
$$;

-- _walk: does a value fit a node of a linked schema, and if not, what does not fit.
-- Called by: _explain, _predicate_enum; and itself through _walk_array, _walk_choice, _walk_combined, _walk_more,
--            _evaluated.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it. A limit is raised and not returned: as a
--            misfit, `not` would take it for a fit.
-- Returns:   null when the value fits; else at most p_wanted errors, `at` relative to the value.
-- No `set search_path`: it is private, everything that leads here pins the path already, and
-- pinning it again would cost 1 us of the 4 us that a visit takes.
create or replace function pgflow._walk(
  p_program jsonb,
  p_node jsonb,
  p_value jsonb,
  p_wanted integer,  -- 0 asks whether it fits at all: the answer then is null or an empty array
  p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_node jsonb := p_node;
  v_kind constant text := jsonb_typeof(p_value);
  v_accepts boolean;
  v_fits boolean;
  v_text text;
  v_left integer := p_wanted;
  v_errors jsonb;
  v_found jsonb;
  v_next text;
  v_key text;
  v_sub jsonb;
  v_child jsonb;
begin
  if clock_timestamp() > p_deadline then
    perform pgflow._raise_walk_limit();
  end if;
  loop
    v_accepts := v_node -> 'accepts' ? v_kind;
    if v_accepts then
      return v_errors;
    elsif v_accepts is null then
      if v_node = 'true' then
        return v_errors;
      end if;
      return coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
    end if;

    -- the value itself: one expression for each type, because a statement costs more than a test
    v_fits := case
      when (v_node -> 'type' ? v_kind) is false
        and not (v_kind = 'number' and v_node -> 'type' ? 'integer' and p_value::numeric % 1 = 0)
        then false
      when not v_node ? 'enum' then true
      when v_kind in ('object', 'array') then pgflow._in_enum(v_node -> 'enum', p_value)
      else v_node -> 'enum' @> p_value  -- a scalar is contained if it is one of the items
    end;
    if not v_fits then
      return coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
    end if;
    case v_kind
      when 'string' then
        v_text := p_value #>> '{}';
        v_fits := (length(v_text) >= (v_node -> 'minLength')::integer) is not false
          and (length(v_text) <= (v_node -> 'maxLength')::integer) is not false
          and (v_text ~ (v_node ->> 'pattern')) is not false;
      when 'number' then
        v_fits := (p_value >= v_node -> 'minimum') is not false
          and (p_value <= v_node -> 'maximum') is not false
          and (p_value > v_node -> 'exclusiveMinimum') is not false
          and (p_value < v_node -> 'exclusiveMaximum') is not false
          and (p_value::numeric % (v_node -> 'multipleOf')::numeric = 0) is not false;
      when 'object' then
        v_fits := (p_value ?& (v_node ->> 'required_keys')::text[]) is not false;
      when 'array' then
        v_fits := (jsonb_array_length(p_value) >= (v_node -> 'minItems')::integer) is not false
          and (jsonb_array_length(p_value) <= (v_node -> 'maxItems')::integer) is not false;
      else
        null;
    end case;
    if not v_fits then
      v_errors := coalesce(v_errors, '[]') || pgflow._walk_own_errors(v_node, p_value, v_left);
      v_left := p_wanted - jsonb_array_length(v_errors);
      if v_left <= 0 then
        return v_errors;
      end if;
    end if;

    -- what is in it
    if v_kind = 'object' and v_node ?| '{properties,additionalProperties}' then
      for v_key, v_child, v_sub in
        select e.key, e.value, n.node
        from jsonb_each(p_value) as e
        cross join lateral (
          select p_program -> coalesce(
            v_node -> 'properties' -> e.key,
            case when not v_node ? 'patternProperties' then v_node -> 'additionalProperties' end
          )::integer
        ) as n (node)
        where not coalesce(n.node -> 'accepts' ? jsonb_typeof(e.value), n.node <> 'false', true)
      loop
        v_found := case
          when v_sub <> 'false' then pgflow._walk(p_program, v_sub, v_child, v_left, p_deadline)
          else pgflow._unexpected(v_left, v_node, v_key)
        end;
        if v_found is not null then
          v_errors := coalesce(v_errors, '[]') || pgflow._under(v_key, v_found);
          v_left := p_wanted - jsonb_array_length(v_errors);
          if v_left <= 0 then
            return v_errors;
          end if;
        end if;
      end loop;
    end if;
    if v_node -> 'more' ? v_kind then
      v_found := case v_kind
        when 'array' then pgflow._walk_array(p_program, v_node, p_value, v_left, p_deadline)
        else pgflow._walk_more(p_program, v_node, p_value, v_left, p_deadline)
      end;
      if v_found is not null then
        v_errors := coalesce(v_errors, '[]') || v_found;
        v_left := p_wanted - jsonb_array_length(v_errors);
        if v_left <= 0 then
          return v_errors;
        end if;
      end if;
    end if;

    -- other schemas for the same value; where one is all that is left, no call is needed
    v_next := v_node ->> 'next';
    if v_next is null then
      return v_errors;
    end if;
    v_sub := case v_next
      when 'ref' then v_node -> 'ref'
      when 'choice' then pgflow._only_choice(v_node, p_value, v_kind)
    end;
    if v_sub is null then
      v_found := case v_next
        when 'choice' then pgflow._walk_choice(
          p_program, v_node, case when v_node ? 'anyOf' then 'anyOf' else 'oneOf' end,
          coalesce(v_node -> 'choices' -> v_kind, '[]'), p_value, v_left, p_deadline
        )
        else pgflow._walk_combined(p_program, v_node, p_value, v_left, p_deadline)
      end;
      return case when v_found is null then v_errors else coalesce(v_errors, '[]') || v_found end;
    end if;
    v_node := p_program -> v_sub::integer;
  end loop;
end;
$$;

-- _walk_array: do the items of an array fit, and are they as many and as different as they must be.
-- Called by: _walk, when the node says more about arrays than how long they are.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_array(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_left integer := p_wanted;
  v_errors jsonb;
  v_found jsonb;
  v_key text;
  v_child jsonb;
  v_sub jsonb;
  v_fitting integer := 0;
begin
  if p_node ?| '{prefixItems,items}' then
    for v_key, v_child, v_sub in
      select e.ordinality - 1, e.value, n.node
      from jsonb_array_elements(p_value) with ordinality as e
      cross join lateral (
        select p_program -> coalesce(
          p_node -> 'prefixItems' -> (e.ordinality - 1)::integer, p_node -> 'items'
        )::integer
      ) as n (node)
      where not coalesce(n.node -> 'accepts' ? jsonb_typeof(e.value), n.node <> 'false', true)
    loop
      v_found := case
        when v_sub <> 'false' then pgflow._walk(p_program, v_sub, v_child, v_left, p_deadline)
        else pgflow._unexpected(v_left, p_node, v_key)
      end;
      if v_found is not null then
        v_errors := coalesce(v_errors, '[]') || pgflow._under(v_key, v_found);
        v_left := p_wanted - jsonb_array_length(v_errors);
        if v_left <= 0 then
          return v_errors;
        end if;
      end if;
    end loop;
  end if;
  if p_node ? 'uniqueItems' then
    v_found := pgflow._equal_items(p_value);
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || case when v_left > 0 then v_found else '[]' end;
      v_left := p_wanted - jsonb_array_length(v_errors);
    end if;
  end if;
  if p_node ? 'contains' and (v_errors is null or v_left > 0) then
    v_sub := p_program -> (p_node -> 'contains')::integer;
    for v_child in select e.value from jsonb_array_elements(p_value) as e loop
      if pgflow._walk(p_program, v_sub, v_child, 0, p_deadline) is null then
        v_fitting := v_fitting + 1;
      end if;
    end loop;
    if v_fitting < coalesce((p_node -> 'minContains')::integer, 1) or v_fitting > (p_node -> 'maxContains')::integer
    then
      v_errors := coalesce(v_errors, '[]') || pgflow._walk_count_errors(p_node, 'Contains', v_fitting, v_left);
    end if;
  end if;
  return v_errors;
end;
$$;

-- _walk_choice: does a value fit one of several alternatives, or exactly one of them.
-- Called by: _walk, _walk_combined.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk. Of many alternatives, only the errors of the closest are told.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_choice(
  p_program jsonb,
  p_node jsonb,
  p_keyword text,  -- anyOf or oneOf
  p_choices jsonb,  -- the alternatives that are left after a look at the type of the value
  p_value jsonb,
  p_wanted integer,
  p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_index jsonb;
  v_found jsonb;
  v_fitting jsonb[] := '{}';
  v_closest jsonb;
  v_closest_index jsonb;
  v_tag text := p_node #>> '{discriminator,property}';
begin
  if jsonb_typeof(p_value) = 'object' and v_tag is not null then
    return pgflow._walk_tag_errors(p_node, p_value -> v_tag, v_tag, p_keyword, p_wanted);
  end if;
  for v_index in select c.value from jsonb_array_elements(p_choices) as c loop
    v_found := pgflow._walk(p_program, p_program -> v_index::integer, p_value, p_wanted, p_deadline);
    if v_found is null then
      if p_keyword = 'anyOf' then
        return null;
      end if;
      v_fitting := v_fitting || v_index;
      exit when cardinality(v_fitting) > 1;
    elsif v_closest is null or jsonb_array_length(v_found) < jsonb_array_length(v_closest) then
      v_closest := v_found;
      v_closest_index := v_index;
    end if;
  end loop;
  if cardinality(v_fitting) = 1 then
    return null;
  elsif p_wanted <= 0 then
    return '[]';
  end if;
  return pgflow._walk_choice_errors(
    p_program, p_node, p_keyword, p_choices, p_value, v_fitting, v_closest_index, v_closest
  );
end;
$$;

-- _walk_choice_errors: the errors of a value that fits no alternative, or too many.
-- Called by: _walk_choice.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors. When its type alone fits no alternative, one that names the types.
create or replace function pgflow._walk_choice_errors(
  p_program jsonb, p_node jsonb, p_keyword text, p_choices jsonb, p_value jsonb, p_fitting jsonb [],
  p_closest_index jsonb, p_closest jsonb
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_alternatives constant jsonb := p_node -> p_keyword;
  v_types text;
  v_allowed jsonb;
begin
  if cardinality(p_fitting) > 1 then
    return pgflow._error_item(
      '',
      p_keyword,
      format(
        'fits alternatives %s, must fit exactly one',
        (
          select string_agg(a.ordinality::text, ' and ' order by a.ordinality)
          from jsonb_array_elements(v_alternatives) with ordinality as a
          where a.value = any (p_fitting)
        )
      )
    );
  end if;
  if p_choices = '[]' then
    select string_agg(t.type, ' or ' order by t.n) into v_types
    from (
      select t.type, min(a.ordinality) as n
      from jsonb_array_elements(v_alternatives) with ordinality as a
      cross join lateral (select p_program -> a.value::integer) as b (node)
      cross join lateral (
        select e.value from jsonb_array_elements_text(b.node -> 'type') as e
        union all
        select jsonb_typeof(e.value)
        from jsonb_array_elements(case when not b.node ? 'type' then b.node -> 'enum' end) as e
      ) as t (type)
      group by t.type
    ) as t;
    return pgflow._error_item(
      '', 'type', format('expected %s, got %s', coalesce(v_types, 'nothing'), jsonb_typeof(p_value))
    );
  end if;
  select jsonb_agg(e.value) into v_allowed
  from jsonb_array_elements(p_choices) as c
  cross join lateral jsonb_array_elements(p_program -> c.value::integer -> 'enum') as e
  having not exists (
    select 1 from jsonb_array_elements(p_choices) as c where not p_program -> c.value::integer ? 'enum'
  );
  if v_allowed is not null then
    return pgflow._error_item('', 'enum', pgflow._not_one_of(p_value, v_allowed));
  end if;
  return pgflow._error_item(
    '',
    p_keyword,
    format(
      'fits none of %s alternatives; what follows is wrong with number %s, the closest',
      jsonb_array_length(v_alternatives),
      (
        select a.ordinality
        from jsonb_array_elements(v_alternatives) with ordinality as a
        where a.value = p_closest_index
        limit 1
      )
    )
  ) || p_closest;
end;
$$;

-- _walk_combined: every keyword that applies another schema to the same value.
-- Called by: _walk, when a node has several of them or a rare one.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_combined(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_kind constant text := jsonb_typeof(p_value);
  v_errors jsonb;
  v_found jsonb;
  v_sub record;
  v_seen text[];
  v_branch text;
begin
  if p_node ? 'if' then
    v_found := pgflow._walk(p_program, p_program -> (p_node -> 'if')::integer, p_value, 0, p_deadline);
    v_branch := case when v_found is null then 'then' else 'else' end;
  end if;
  for v_sub in
    select k.key, s.index
    from jsonb_each(p_node) as k
    cross join lateral (
      select k.value where k.key in ('ref', 'not', 'anyOf', 'oneOf', v_branch)
      union all
      select a.value from jsonb_array_elements(case k.key when 'allOf' then k.value end) as a
    ) as s (index)
  loop
    v_found := case v_sub.key
      when 'not' then case
        when pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, 0, p_deadline) is null
          then pgflow._error_item('', 'not', 'fits what it must not fit')
      end
      when 'anyOf'
        then pgflow._walk_choice(p_program, p_node, 'anyOf', v_sub.index, p_value, p_wanted, p_deadline)
      when 'oneOf'
        then pgflow._walk_choice(p_program, p_node, 'oneOf', v_sub.index, p_value, p_wanted, p_deadline)
      else pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, p_wanted, p_deadline)
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || v_found;
      if jsonb_array_length(v_errors) >= p_wanted then
        return v_errors;
      end if;
    end if;
  end loop;
  if v_errors is not null
    or not (
      v_kind = 'object' and p_node ? 'unevaluatedProperties'
      or v_kind = 'array' and p_node ? 'unevaluatedItems'
    )
  then
    return v_errors;
  end if;

  v_seen := pgflow._evaluated(
    p_program, p_node - '{unevaluatedProperties,unevaluatedItems}'::text[], p_value, p_deadline
  );
  for v_sub in
    select m.key, m.value, k.keyword, p_program -> (p_node -> k.keyword)::integer as node
    from (values (case v_kind when 'object' then 'unevaluatedProperties' else 'unevaluatedItems' end)) as k (keyword)
    cross join pgflow._members(p_value) as m
    where m.key <> all (v_seen)
  loop
    v_found := case
      when v_sub.node = 'false' then pgflow._unexpected(p_wanted, p_node, v_sub.key, v_sub.keyword)
      else pgflow._walk(p_program, v_sub.node, v_sub.value, p_wanted, p_deadline)
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || pgflow._under(v_sub.key, v_found);
      if jsonb_array_length(v_errors) >= p_wanted then
        return v_errors;
      end if;
    end if;
  end loop;
  return v_errors;
end;
$$;

-- _walk_count_errors: the error of having too few or too many of something.
-- Called by: _walk_array, _walk_more, _walk_own_errors.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error or none; an empty array when none is wanted.
create or replace function pgflow._walk_count_errors(
  p_node jsonb,
  p_of text,  -- how the keywords end: Length, Items, Properties, Contains
  p_count integer,
  p_wanted integer
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    when p_of = 'Contains' and p_count < coalesce((p_node -> 'minContains')::integer, 1)
      then pgflow._error_item(
        '',
        case when p_node ? 'minContains' then 'minContains' else 'contains' end,
        format('%s items fit, at least %s must', p_count, coalesce(p_node ->> 'minContains', '1'))
      )
    when p_of = 'Contains'
      then pgflow._error_item(
        '', 'maxContains', format('%s items fit, at most %s may', p_count, p_node ->> 'maxContains')
      )
    when p_count < (p_node -> ('min' || p_of))::integer
      then pgflow._error_item(
        '',
        'min' || p_of,
        format(
          case p_of when 'Length' then 'shorter than %s characters (%s)' else 'fewer than %s ' || w.word || ' (%s)' end,
          p_node ->> ('min' || p_of), p_count
        )
      )
    when p_count > (p_node -> ('max' || p_of))::integer
      then pgflow._error_item(
        '',
        'max' || p_of,
        format(
          case p_of when 'Length' then 'longer than %s characters (%s)' else 'more than %s ' || w.word || ' (%s)' end,
          p_node ->> ('max' || p_of), p_count
        )
      )
    else '[]'
  end
  from (select lower(p_of)) as w (word);
$$;

-- _walk_more: the rarer keywords for what is in an object.
-- Called by: _walk, when the node has such keywords.
-- Locks:     none.
-- Raises:    PFLIM when the time is up; _explain catches it.
-- Returns:   as _walk.
-- No `set search_path`, for the reason that _walk gives.
create or replace function pgflow._walk_more(
  p_program jsonb, p_node jsonb, p_value jsonb, p_wanted integer, p_deadline timestamptz
) returns jsonb
language plpgsql stable
as $$
declare
  v_errors jsonb;
  v_found jsonb;
  v_sub record;
  v_count integer;
begin
  if p_node ?| '{minProperties,maxProperties}' then
    v_count := (select count(*) from jsonb_object_keys(p_value));
    if v_count < (p_node -> 'minProperties')::integer or v_count > (p_node -> 'maxProperties')::integer then
      v_errors := pgflow._walk_count_errors(p_node, 'Properties', v_count, p_wanted);
    end if;
  end if;
  -- everything that a property calls for: a schema for its value, its name or the whole object
  for v_sub in
    select e.key, e.value, s.keyword, s.index
    from jsonb_each(p_value) as e
    cross join lateral (
      select 'propertyNames' as keyword, p_node -> 'propertyNames' as index
      where p_node ? 'propertyNames'
      union all
      select 'patternProperties', p.value
      from jsonb_each(coalesce(p_node -> 'patternProperties', '{}')) as p
      where pgflow._name_matches(e.key, p.key, p_deadline)
      union all
      select 'additionalProperties', p_node -> 'additionalProperties'
      where p_node ?& '{patternProperties,additionalProperties}'
        and not coalesce(p_node -> 'properties' ? e.key, false)
        and not exists (
          select 1
          from jsonb_object_keys(p_node -> 'patternProperties') as p (key)
          where pgflow._name_matches(e.key, p.key, p_deadline)
        )
      union all
      select 'dependentSchemas', p_node -> 'dependentSchemas' -> e.key
      where p_node -> 'dependentSchemas' ? e.key
      union all
      select 'dependentRequired', d.value
      from jsonb_array_elements(coalesce(p_node -> 'dependentRequired' -> e.key, '[]')) as d
      where not p_value ? (d.value #>> '{}')
    ) as s
  loop
    if jsonb_array_length(v_errors) >= p_wanted then
      return v_errors;
    end if;
    v_count := p_wanted - coalesce(jsonb_array_length(v_errors), 0);
    v_found := case v_sub.keyword
      when 'dependentRequired' then pgflow._error_item(
        '', 'dependentRequired',
        format('missing property %s, which %s requires', pgflow._show(v_sub.index), pgflow._show(to_jsonb(v_sub.key)))
      )
      when 'dependentSchemas'
        then pgflow._walk(p_program, p_program -> v_sub.index::integer, p_value, v_count, p_deadline)
      when 'propertyNames' then pgflow._under_name(
        v_sub.key,
        pgflow._walk(p_program, p_program -> v_sub.index::integer, to_jsonb(v_sub.key), v_count, p_deadline)
      )
      else pgflow._under(
        v_sub.key,
        case
          when p_program -> v_sub.index::integer = 'false'
            then pgflow._unexpected(v_count, p_node, v_sub.key, v_sub.keyword)
          else pgflow._walk(p_program, p_program -> v_sub.index::integer, v_sub.value, v_count, p_deadline)
        end
      )
    end;
    if v_found is not null then
      v_errors := coalesce(v_errors, '[]') || v_found;
    end if;
  end loop;
  return v_errors;
end;
$$;

-- _walk_own_errors: what does not fit about a value itself, not about what is in it.
-- Called by: _walk, when the value does not fit.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   the errors; an empty array when none is wanted.
create or replace function pgflow._walk_own_errors(
  p_node jsonb, p_value jsonb, p_wanted integer
) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind constant text := jsonb_typeof(p_value);
  v_errors jsonb := '[]';
begin
  if p_wanted <= 0 then
    return v_errors;
  end if;
  if p_node = 'false' then
    return pgflow._error_item('', 'false', 'no value is allowed here');
  end if;
  if (p_node -> 'type' ? v_kind) is false
    and not (p_node -> 'type' ? 'integer' and v_kind = 'number' and jsonb_path_exists(p_value, '$ ? (@ % 1 == 0)'))
  then
    return pgflow._error_item(
      '',
      'type',
      format(
        'expected %s, got %s',
        (select string_agg(t.type, ' or ') from jsonb_array_elements_text(p_node -> 'type') as t (type)),
        case when p_node -> 'type' ? 'integer' and v_kind = 'number' then pgflow._show(p_value) else v_kind end
      )
    );
  end if;
  if p_node ? 'enum' and not pgflow._in_enum(p_node -> 'enum', p_value) then
    return pgflow._error_item('', 'enum', pgflow._not_one_of(p_value, p_node -> 'enum'));
  end if;

  if v_kind = 'string' then
    v_errors := pgflow._walk_count_errors(p_node, 'Length', length(p_value #>> '{}'), p_wanted);
    if p_value #>> '{}' !~ (p_node ->> 'pattern') then
      v_errors := v_errors || pgflow._error_item(
        '',
        'pattern',
        format(
          '%s does not match the pattern %s',
          pgflow._show(p_value), coalesce(p_node ->> 'pattern_text', p_node ->> 'pattern')
        )
      );
    end if;
  elsif v_kind = 'array' then
    v_errors := pgflow._walk_count_errors(p_node, 'Items', jsonb_array_length(p_value), p_wanted);
  elsif v_kind = 'number' then
    v_errors := (
      select coalesce(
        jsonb_agg(
          e.item -> 0
        ),
        '[]'
      )
      from (
        values
        ('minimum', p_value < p_node -> 'minimum', 'is less than'),
        ('maximum', p_value > p_node -> 'maximum', 'is greater than'),
        ('exclusiveMinimum', p_value <= p_node -> 'exclusiveMinimum', 'is not greater than'),
        ('exclusiveMaximum', p_value >= p_node -> 'exclusiveMaximum', 'is not less than'),
        (
          'multipleOf', p_value::numeric % (p_node -> 'multipleOf')::numeric <> 0, 'is not a multiple of'
        )
      ) as l (keyword, broken, words)
      cross join lateral (
        select pgflow._error_item(
          '', l.keyword, concat_ws(' ', pgflow._show(p_value), l.words, pgflow._show(p_node -> l.keyword))
        )
      ) as e (item)
      where l.broken
    );
  elsif v_kind = 'object' then
    v_errors := (
      select coalesce(
        jsonb_agg(
          jsonb_build_object(
            'at', '', 'keyword', 'required', 'message', 'missing property ' || pgflow._show(r.value)
          )
          order by r.ordinality
        ),
        '[]'
      )
      from jsonb_array_elements(coalesce(p_node -> 'required', '[]')) with ordinality as r
      where not p_value ? (r.value #>> '{}')
    );
  end if;
  return v_errors;
end;
$$;

-- _walk_tag_errors: the error of an object whose tag is missing or names no alternative.
-- Called by: _walk_choice.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   one error, of the tag; an empty array when none is wanted.
create or replace function pgflow._walk_tag_errors(
  p_node jsonb,
  p_value jsonb,  -- of the tag; null when there is none
  p_tag text,  -- the name of the property
  p_keyword text,  -- anyOf or oneOf
  p_wanted integer
) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_wanted <= 0 then '[]'
    when p_value is null
      then pgflow._error_item('', 'required', 'missing property ' || pgflow._show(to_jsonb(p_tag)))
    else pgflow._under(
      p_tag,
      pgflow._error_item(
        '',
        p_keyword,
        pgflow._not_one_of(
          p_value,
          (
            select jsonb_agg(b.key::jsonb order by b.value, b.key)
            from jsonb_each(p_node #> '{discriminator,branches}') as b
          )
        )
      )
    )
  end;
$$;

-- validate: what about a value does not fit a JSON Schema of draft 2020-12.
-- With the same code as results and payloads, but linked for this one call, which takes milliseconds.
-- Called by: users.
-- Locks:     none.
-- Raises:    PF211 for what is no such schema, or is refused beyond that.
-- Returns:   null when the value fits; else at most 20 errors {at, keyword, message}, `at` a JSON pointer. A
--            limit of time or depth is an error with the keyword `limit`.
create or replace function pgflow.validate(p_schema jsonb, p_value jsonb) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant jsonb := coalesce(p_schema, 'null');
begin
  perform pgflow._check_schema_size(v_schema, '', 'the schema');
  perform pgflow._check_schema(v_schema, '', 'the schema');
  return pgflow._explain(pgflow._link_schema(v_schema), coalesce(p_value, 'null'));
end;
$$;

-- _is_served: whether a living worker has the handler of a contract.
-- One that runs and has not been heard of for three beats is not living, though nobody has swept yet.
-- Called by: _explain_tasks, status.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true when one has.
create or replace function pgflow._is_served(p_contract_id integer) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
    from pgflow.workers as w
    where w.status = 'running'
      and p_contract_id = any (w.contract_ids)
      and not pgflow._is_silent(w.last_beat_at, w.beat_seconds)
  );
$$;

-- _is_silent: whether a running worker missed three beats.
-- Not one: a slow commit or a pause of the garbage collector is no death.
-- Called by: _explain_leases, _is_served, _overdue_leases, sweep.
-- Locks:     none.
-- Raises:    nothing.
-- Returns:   true when it must be taken for dead.
create or replace function pgflow._is_silent(
  p_last_beat_at timestamptz, p_beat_seconds double precision
) returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  select p_last_beat_at < pgflow._now() - make_interval(secs => 3 * p_beat_seconds);
$$;

-- _raise_worker_not_found: tell a worker that the engine does not count on it.
-- Called by: claim_tasks, beat.
-- Locks:     none.
-- Raises:    PF104.
-- Returns:   never.
create or replace function pgflow._raise_worker_not_found(p_worker_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'PF104',
    message = format('worker %s is not registered, or was declared dead', p_worker_id),
    detail = jsonb_build_object('worker_id', p_worker_id)::text,
    hint = 'call register_worker (again) and stop the handlers whose leases are lost';
end;
$$;

-- _wake_workers: send one NOTIFY when an idle worker could take one of these tasks.
-- A busy worker claims again by itself; not notifying it keeps the database-wide lock that NOTIFY
-- takes at commit off the hot path. A wake-up lost to a race costs one polling interval at most.
-- Called by: _start_runs, _move_runs, _start_ready_steps, _queue_steps, _start_map_wave, _end_attempts,
--            release_tasks.
-- Locks:     the queue of notifications, at commit, when a worker is idle.
-- Raises:    nothing.
-- Returns:   nothing.
create or replace function pgflow._wake_workers(
  p_contract_ids integer [],
  p_except_worker_id uuid default null
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select 1
    from pgflow.workers as w
    where w.status = 'running'
      and w.idle
      and w.contract_ids && p_contract_ids
      and w.worker_id is distinct from p_except_worker_id
  ) then
    perform pg_notify('pgflow_work', '');
  end if;
end;
$$;

-- beat: a worker says that it lives.
-- Called by: worker, from a thread of its own.
-- Locks:     the row of the worker.
-- Raises:    PF104 unknown, stopped or declared dead: register again.
-- Returns:   nothing.
create or replace function pgflow.beat(p_worker_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update pgflow.workers as w
  set last_beat_at = pgflow._now()
  where w.worker_id = p_worker_id
    and w.status = 'running';
  if not found then
    perform pgflow._raise_worker_not_found(p_worker_id);
  end if;
end;
$$;

-- register_worker: announce a worker and the handlers that it has.
-- Called by: worker, at its start and after it was declared dead.
-- Locks:     the row of the worker.
-- Raises:    PF203 beat out of range; PF209 arrays differ; PF402 a handler is not deployed.
-- Returns:   the contract id of each handler.
create or replace function pgflow.register_worker(
  p_worker_id uuid,
  p_name text,
  p_flow_slugs text [],
  p_step_slugs text [],
  p_digests text [],
  p_beat_seconds double precision default 10
) returns table (contract_id integer, flow_slug text, step_slug text, digest text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_missing jsonb;
  v_contract_ids integer[];
begin
  if cardinality(p_flow_slugs) is distinct from cardinality(p_step_slugs)
    or cardinality(p_flow_slugs) is distinct from cardinality(p_digests)
  then
    raise exception using
      errcode = 'PF209',
      message = 'the arrays of handlers must have one length',
      detail = jsonb_build_object('lengths', jsonb_build_array(
        cardinality(p_flow_slugs), cardinality(p_step_slugs), cardinality(p_digests)
      ))::text,
      hint = 'pass flow slug, step slug and digest of each handler';
  end if;
  if p_beat_seconds is null or p_beat_seconds not between 0.1 and 3600 then
    raise exception using
      errcode = 'PF203',
      message = format('p_beat_seconds is %s; it must be between 0.1 and 3600', coalesce(p_beat_seconds::text, 'null')),
      detail = jsonb_build_object('p_beat_seconds', p_beat_seconds)::text,
      hint = 'pass the interval at which the worker will call beat';
  end if;

  select
    array_agg(distinct c.contract_id),
    jsonb_agg(
      jsonb_build_object('flow', h.flow_slug, 'step', h.step_slug, 'digest', h.digest)
      order by h.ordinal
    ) filter (where c.contract_id is null)
  into v_contract_ids, v_missing
  from unnest(p_flow_slugs, p_step_slugs, p_digests)
    with ordinality as h (flow_slug, step_slug, digest, ordinal)
  left join pgflow.contracts as c
    on c.flow_slug = h.flow_slug and c.step_slug = h.step_slug and c.digest = h.digest;
  if v_missing is not null then
    raise exception using
      errcode = 'PF402',
      message = format('%s handlers are not deployed in this form', jsonb_array_length(v_missing)),
      detail = jsonb_build_object('missing', v_missing)::text,
      hint = 'deploy the flows of this worker first: pgflow deploy, or start it with --deploy';
  end if;

  insert into pgflow.workers as w (
    worker_id, name, contract_ids, beat_seconds, started_at, last_beat_at
  )
  values (
    p_worker_id, p_name, coalesce(v_contract_ids, '{}'), p_beat_seconds,
    pgflow._now(), pgflow._now()
  )
  on conflict (worker_id) do update
    set name = excluded.name, contract_ids = excluded.contract_ids, status = 'running',
      idle = false, beat_seconds = excluded.beat_seconds,
      last_beat_at = excluded.last_beat_at, ended_at = null;

  return query
  select c.contract_id, c.flow_slug, c.step_slug, c.digest
  from pgflow.contracts as c
  where c.contract_id = any (v_contract_ids)
  order by c.contract_id;
end;
$$;

-- stop_worker: a worker says goodbye; what it still held is released. A claim of it that is under way is
-- released by the next sweep.
-- Called by: worker, at its end.
-- Locks:     runs by id, then tasks and leases, then the row of the worker.
-- Raises:    PF503 isolation level.
-- Returns:   nothing; an unknown worker is none the worse for it.
create or replace function pgflow.stop_worker(p_worker_id uuid) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pgflow.release_tasks(
    array_agg(l.run_id), array_agg(l.step_slug), array_agg(l.task_index), array_agg(l.lease_id)
  )
  from pgflow.leases as l
  where l.worker_id = p_worker_id
  having count(*) > 0;

  update pgflow.workers as w
  set status = 'stopped', idle = false, ended_at = pgflow._now()
  where w.worker_id = p_worker_id
    and w.status = 'running';
end;
$$;

-- attempts: the history of every ended attempt, whatever came of it.
-- It reads with the rights of its owner, so that a grant on it alone is enough; therefore it asks
-- itself whose runs the caller may see.
create view pgflow.attempts with (security_barrier) as
select
  a.run_id, a.step_slug, a.task_index, a.lease_id, a.attempt, a.worker_id, a.outcome, a.error,
  a.started_at, a.ended_at
from (
  select
    l.run_id, l.step_slug, l.task_index, l.lease_id, l.attempt, l.worker_id, l.outcome, l.error,
    l.started_at, l.ended_at
  from pgflow.attempt_log as l
  union all
  select
    s.run_id, s.step_slug, 0, s.lease_id, s.attempt, s.worker_id, 'completed', null::jsonb,
    s.claimed_at, s.ended_at
  from pgflow.step_states as s
  where s.lease_id is not null
) as a
where exists (
  select 1 from pgflow.runs as r where r.run_id = a.run_id and pgflow.may_see(r.owner)
);

-- Roles are shared by all databases of a server: made once, and left when they exist.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['pgflow_client', 'pgflow_worker', 'pgflow_viewer', 'pgflow_admin']
  loop
    if not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then
          null;  -- another database of this server was migrated at the same moment
      end;
    end if;
  end loop;
end;
$$;

-- Nothing for PUBLIC; each role gets the functions of its work and no table to write.
revoke all on all tables in schema pgflow from public;
revoke all on all functions in schema pgflow from public;

grant usage on schema pgflow to pgflow_client, pgflow_worker, pgflow_viewer, pgflow_admin;

grant execute on function
  pgflow.start_flow, pgflow.start_flows, pgflow.get_run, pgflow.list_runs, pgflow.watch_run, pgflow.explain_run,
  pgflow.cancel_run, pgflow.send_signal, pgflow.may_see, pgflow.schema_version, pgflow.breaking_version
to pgflow_client, pgflow_admin;

grant execute on function
  pgflow.register_worker, pgflow.beat, pgflow.stop_worker, pgflow.claim_tasks,
  pgflow.complete_tasks, pgflow.exchange_tasks, pgflow.complete_step, pgflow.fail_tasks, pgflow.release_tasks,
  pgflow.extend_leases, pgflow.sweep, pgflow.schema_version, pgflow.breaking_version
to pgflow_worker, pgflow_admin;

grant execute on function
  pgflow.get_run, pgflow.list_runs, pgflow.watch_run, pgflow.explain_run, pgflow.status, pgflow.may_see,
  pgflow.deployed_manifest,
  pgflow.schema_version, pgflow.breaking_version
to pgflow_viewer, pgflow_admin;
grant select on all tables in schema pgflow to pgflow_viewer, pgflow_admin;

-- Not for clients, which may be anybody with a browser: it compiles the schema that it is given, and
-- a hostile one takes up to a second, and then two for the value.
grant execute on function pgflow.validate to pgflow_worker, pgflow_viewer, pgflow_admin;

grant execute on function pgflow.deploy, pgflow.upgrade_runs to pgflow_admin;

-- Whoever is granted SELECT on runs or step_states sees the rows of his own runs only; the view
-- `attempts` says so itself.
alter table pgflow.runs enable row level security;
create policy own_runs on pgflow.runs for select using (pgflow.may_see(owner));

alter table pgflow.step_states enable row level security;
create policy steps_of_own_runs on pgflow.step_states for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = step_states.run_id)
);

alter table pgflow.attempt_log enable row level security;
create policy attempts_of_own_runs on pgflow.attempt_log for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = attempt_log.run_id)
);

alter table pgflow.maps enable row level security;
create policy maps_of_own_runs on pgflow.maps for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = maps.run_id)
);

alter table pgflow.signals enable row level security;
create policy signals_of_own_runs on pgflow.signals for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = signals.run_id)
);

alter table pgflow.timers enable row level security;
create policy timers_of_own_runs on pgflow.timers for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = timers.run_id)
);

alter table pgflow.map_items enable row level security;
create policy map_items_of_own_runs on pgflow.map_items for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = map_items.run_id)
);

alter table pgflow.map_results enable row level security;
create policy map_results_of_own_runs on pgflow.map_results for select using (
  exists (select 1 from pgflow.runs as r where r.run_id = map_results.run_id)
);

-- On a database with Supabase's roles: signed-in users are clients, the service role is worker and
-- admin, `anon` is nothing. Realtime reads the tables as the user, so the user may select from
-- runs and step_states, under row-level security. On any other Postgres nothing happens.
-- Supabase's roles are NOINHERIT: membership says who they are and gives them no privilege, so each
-- privilege is granted to them as well. May run again, when functions were added.
do $$
declare
  v_role record;
  v_grant record;
begin
  for v_role in
    select m.target, m.source
    from (
      values
      ('authenticated', 'pgflow_client'),
      ('service_role', 'pgflow_worker'),
      ('service_role', 'pgflow_viewer'),
      ('service_role', 'pgflow_admin')
    ) as m (target, source)
    join pg_catalog.pg_roles as r on r.rolname = m.target
  loop
    if not pg_has_role(v_role.target, v_role.source, 'member') then
      execute format('grant %I to %I', v_role.source, v_role.target);
    end if;
    execute format('grant usage on schema pgflow to %I', v_role.target);
    for v_grant in
      select a.privilege_type, 'function ' || p.oid::regprocedure::text as object
      from pg_catalog.pg_proc as p
      cross join lateral aclexplode(p.proacl) as a
      where p.pronamespace = 'pgflow'::regnamespace
        and a.grantee = v_role.source::regrole
      union all
      select a.privilege_type, 'table ' || c.oid::regclass::text
      from pg_catalog.pg_class as c
      cross join lateral aclexplode(c.relacl) as a
      where c.relnamespace = 'pgflow'::regnamespace
        and a.grantee = v_role.source::regrole
    loop
      execute format('grant %s on %s to %I', v_grant.privilege_type, v_grant.object, v_role.target);
    end loop;
  end loop;

  if exists (select 1 from pg_catalog.pg_roles as r where r.rolname = 'authenticated') then
    grant select on pgflow.runs, pgflow.step_states to authenticated;
  end if;

  for v_grant in
    select t.name
    from (values ('runs'), ('step_states')) as t (name)
    join pg_catalog.pg_publication as p on p.pubname = 'supabase_realtime'
    where not p.puballtables
      and not exists (
        select 1
        from pg_catalog.pg_publication_rel as pr
        where pr.prpubid = p.oid and pr.prrelid = ('pgflow.' || t.name)::regclass
      )
  loop
    execute format('alter publication supabase_realtime add table pgflow.%I', v_grant.name);
  end loop;
end;
$$;

-- The metaschema: what a JSON Schema of draft 2020-12 must be; _check_schema asks it.
-- This and its vocabularies are published by https://json-schema.org under their `$id`; they are here as the
-- Python package jsonschema-specifications 2025.9.1 holds them, without the members `$comment`.
insert into pgflow.schema_documents (uri, document) values
(
  'https://json-schema.org/draft/2020-12/schema',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/schema",
    "$vocabulary": {
      "https://json-schema.org/draft/2020-12/vocab/core": true,
      "https://json-schema.org/draft/2020-12/vocab/applicator": true,
      "https://json-schema.org/draft/2020-12/vocab/unevaluated": true,
      "https://json-schema.org/draft/2020-12/vocab/validation": true,
      "https://json-schema.org/draft/2020-12/vocab/meta-data": true,
      "https://json-schema.org/draft/2020-12/vocab/format-annotation": true,
      "https://json-schema.org/draft/2020-12/vocab/content": true
    },
    "$dynamicAnchor": "meta",
    "title": "Core and Validation specifications meta-schema",
    "allOf": [
      {"$ref": "meta/core"},
      {"$ref": "meta/applicator"},
      {"$ref": "meta/unevaluated"},
      {"$ref": "meta/validation"},
      {"$ref": "meta/meta-data"},
      {"$ref": "meta/format-annotation"},
      {"$ref": "meta/content"}
    ],
    "type": ["object", "boolean"],
    "properties": {
      "definitions": {
        "type": "object",
        "additionalProperties": {"$dynamicRef": "#meta"},
        "deprecated": true,
        "default": {}
      },
      "dependencies": {
        "type": "object",
        "additionalProperties": {
          "anyOf": [{"$dynamicRef": "#meta"}, {"$ref": "meta/validation#/$defs/stringArray"}]
        },
        "deprecated": true,
        "default": {}
      },
      "$recursiveAnchor": {"$ref": "meta/core#/$defs/anchorString", "deprecated": true},
      "$recursiveRef": {"$ref": "meta/core#/$defs/uriReferenceString", "deprecated": true}
    }
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/core',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/core",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true},
    "$dynamicAnchor": "meta",
    "title": "Core vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "$id": {"$ref": "#/$defs/uriReferenceString", "pattern": "^[^#]*#?$"},
      "$schema": {"$ref": "#/$defs/uriString"},
      "$ref": {"$ref": "#/$defs/uriReferenceString"},
      "$anchor": {"$ref": "#/$defs/anchorString"},
      "$dynamicRef": {"$ref": "#/$defs/uriReferenceString"},
      "$dynamicAnchor": {"$ref": "#/$defs/anchorString"},
      "$vocabulary": {
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/uriString"},
        "additionalProperties": {"type": "boolean"}
      },
      "$defs": {"type": "object", "additionalProperties": {"$dynamicRef": "#meta"}}
    },
    "$defs": {
      "anchorString": {"type": "string", "pattern": "^[A-Za-z_][-A-Za-z0-9._]*$"},
      "uriString": {"type": "string", "format": "uri"},
      "uriReferenceString": {"type": "string", "format": "uri-reference"}
    }
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/applicator',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/applicator",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/applicator": true},
    "$dynamicAnchor": "meta",
    "title": "Applicator vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "prefixItems": {"$ref": "#/$defs/schemaArray"},
      "items": {"$dynamicRef": "#meta"},
      "contains": {"$dynamicRef": "#meta"},
      "additionalProperties": {"$dynamicRef": "#meta"},
      "properties": {"type": "object", "additionalProperties": {"$dynamicRef": "#meta"}, "default": {}},
      "patternProperties": {
        "type": "object",
        "additionalProperties": {"$dynamicRef": "#meta"},
        "propertyNames": {"format": "regex"},
        "default": {}
      },
      "dependentSchemas": {"type": "object", "additionalProperties": {"$dynamicRef": "#meta"}, "default": {}},
      "propertyNames": {"$dynamicRef": "#meta"},
      "if": {"$dynamicRef": "#meta"},
      "then": {"$dynamicRef": "#meta"},
      "else": {"$dynamicRef": "#meta"},
      "allOf": {"$ref": "#/$defs/schemaArray"},
      "anyOf": {"$ref": "#/$defs/schemaArray"},
      "oneOf": {"$ref": "#/$defs/schemaArray"},
      "not": {"$dynamicRef": "#meta"}
    },
    "$defs": {"schemaArray": {"type": "array", "minItems": 1, "items": {"$dynamicRef": "#meta"}}}
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/unevaluated',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/unevaluated",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/unevaluated": true},
    "$dynamicAnchor": "meta",
    "title": "Unevaluated applicator vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "unevaluatedItems": {"$dynamicRef": "#meta"},
      "unevaluatedProperties": {"$dynamicRef": "#meta"}
    }
  }
  $json$
);

-- Those vocabularies of the metaschema that 10_metaschema.sql leaves; see there.
insert into pgflow.schema_documents (uri, document) values
(
  'https://json-schema.org/draft/2020-12/meta/validation',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/validation",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/validation": true},
    "$dynamicAnchor": "meta",
    "title": "Validation vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "type": {
        "anyOf": [
          {"$ref": "#/$defs/simpleTypes"},
          {"type": "array", "items": {"$ref": "#/$defs/simpleTypes"}, "minItems": 1, "uniqueItems": true}
        ]
      },
      "const": true,
      "enum": {"type": "array", "items": true},
      "multipleOf": {"type": "number", "exclusiveMinimum": 0},
      "maximum": {"type": "number"},
      "exclusiveMaximum": {"type": "number"},
      "minimum": {"type": "number"},
      "exclusiveMinimum": {"type": "number"},
      "maxLength": {"$ref": "#/$defs/nonNegativeInteger"},
      "minLength": {"$ref": "#/$defs/nonNegativeIntegerDefault0"},
      "pattern": {"type": "string", "format": "regex"},
      "maxItems": {"$ref": "#/$defs/nonNegativeInteger"},
      "minItems": {"$ref": "#/$defs/nonNegativeIntegerDefault0"},
      "uniqueItems": {"type": "boolean", "default": false},
      "maxContains": {"$ref": "#/$defs/nonNegativeInteger"},
      "minContains": {"$ref": "#/$defs/nonNegativeInteger", "default": 1},
      "maxProperties": {"$ref": "#/$defs/nonNegativeInteger"},
      "minProperties": {"$ref": "#/$defs/nonNegativeIntegerDefault0"},
      "required": {"$ref": "#/$defs/stringArray"},
      "dependentRequired": {"type": "object", "additionalProperties": {"$ref": "#/$defs/stringArray"}}
    },
    "$defs": {
      "nonNegativeInteger": {"type": "integer", "minimum": 0},
      "nonNegativeIntegerDefault0": {"$ref": "#/$defs/nonNegativeInteger", "default": 0},
      "simpleTypes": {"enum": ["array", "boolean", "integer", "null", "number", "object", "string"]},
      "stringArray": {"type": "array", "items": {"type": "string"}, "uniqueItems": true, "default": []}
    }
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/meta-data',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/meta-data",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/meta-data": true},
    "$dynamicAnchor": "meta",
    "title": "Meta-data vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "title": {"type": "string"},
      "description": {"type": "string"},
      "default": true,
      "deprecated": {"type": "boolean", "default": false},
      "readOnly": {"type": "boolean", "default": false},
      "writeOnly": {"type": "boolean", "default": false},
      "examples": {"type": "array", "items": true}
    }
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/format-annotation',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/format-annotation",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/format-annotation": true},
    "$dynamicAnchor": "meta",
    "title": "Format vocabulary meta-schema for annotation results",
    "type": ["object", "boolean"],
    "properties": {"format": {"type": "string"}}
  }
  $json$
),
(
  'https://json-schema.org/draft/2020-12/meta/content',
  $json$
  {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://json-schema.org/draft/2020-12/meta/content",
    "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/content": true},
    "$dynamicAnchor": "meta",
    "title": "Content vocabulary meta-schema",
    "type": ["object", "boolean"],
    "properties": {
      "contentEncoding": {"type": "string"},
      "contentMediaType": {"type": "string"},
      "contentSchema": {"$dynamicRef": "#meta"}
    }
  }
  $json$
);

-- The programs of what stands in the tables from the beginning: the metaschema.
select pgflow._recompile_schemas();

reset check_function_bodies;

insert into pgflow.migrations (number, name, phase, breaking)
values (1, 'initial', 'before-deploy', false);
