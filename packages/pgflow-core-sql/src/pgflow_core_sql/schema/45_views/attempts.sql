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
