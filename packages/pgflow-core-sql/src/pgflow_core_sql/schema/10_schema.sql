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
