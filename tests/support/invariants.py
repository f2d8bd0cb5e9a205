"""What must hold in the tables at any moment between transactions; recounted from the rows."""

from typing import Any, Final

from psycopg import Connection

_INVARIANTS: Final = {
    "a task waits for a run or a step that has ended": """
        select t.run_id, t.step_slug from pgflow.tasks t
        left join pgflow.runs r using (run_id)
        left join pgflow.step_states s using (run_id, step_slug)
        left join pgflow.steps d using (flow_slug, version, step_slug)
        where s.status is distinct from 'started' or r.status is distinct from
          case d.kind when 'failure' then 'failed' else 'started' end""",
    "a lease is held for a run or a step that has ended": """
        select l.run_id, l.step_slug from pgflow.leases l
        left join pgflow.runs r using (run_id)
        left join pgflow.step_states s using (run_id, step_slug)
        left join pgflow.steps d using (flow_slug, version, step_slug)
        where s.status is distinct from 'started' or r.status is distinct from
          case d.kind when 'failure' then 'failed' else 'started' end""",
    "a task waits and is leased at once": """
        select run_id, step_slug from pgflow.tasks
        join pgflow.leases using (run_id, step_slug, task_index)""",
    "a started step has neither a waiting task nor a lease": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        where s.status = 'started' and d.kind not in ('signal', 'sleep', 'flow')
          and not exists (select 1 from pgflow.tasks t
                          where t.run_id = s.run_id and t.step_slug = s.step_slug)
          and not exists (select 1 from pgflow.leases l
                          where l.run_id = s.run_id and l.step_slug = s.step_slug)""",
    "a step started before a dep had ended": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.deps d on (d.flow_slug, d.version, d.to_step_slug)
                            = (r.flow_slug, r.version, s.step_slug)
        left join pgflow.step_states up on up.run_id = s.run_id and up.step_slug = d.from_step_slug
        where coalesce(up.status, '') not in ('completed', 'skipped')
          or up.ended_at > s.started_at""",
    "all deps of a step have ended and it has not started": """
        select r.run_id, s.step_slug from pgflow.runs r
        join pgflow.steps s using (flow_slug, version)
        where r.status = 'started' and s.kind <> 'failure'
          and not exists (select 1 from pgflow.timers t
                          where t.run_id = r.run_id and t.kind = 'start')
          and not exists (select 1 from pgflow.step_states x
                          where x.run_id = r.run_id and x.step_slug = s.step_slug)
          and not exists (
            select 1 from pgflow.deps d
            left join pgflow.step_states up
              on up.run_id = r.run_id and up.step_slug = d.from_step_slug
            where (d.flow_slug, d.version, d.to_step_slug)
                = (s.flow_slug, s.version, s.step_slug)
              and coalesce(up.status, '') not in ('completed', 'skipped'))""",
    "a run has completed and a step has not, or the other way round": """
        select r.run_id, r.status from pgflow.runs r
        where (r.status = 'completed') is distinct from (
          (select count(*) from pgflow.steps s
           where (s.flow_slug, s.version) = (r.flow_slug, r.version)
             and s.kind <> 'failure')
          = (select count(*) from pgflow.step_states x
             join pgflow.steps s using (step_slug)
             where x.run_id = r.run_id and x.status in ('completed', 'skipped')
               and (s.flow_slug, s.version) = (r.flow_slug, r.version)
               and s.kind <> 'failure'))""",
    "a failed run has no failed step, or a live run has one": """
        select r.run_id, r.status from pgflow.runs r
        where (
          r.status = 'failed' and coalesce(r.error ->> 'code', '') <> 'PF620'
        ) is distinct from exists (
          select 1 from pgflow.step_states x
          join pgflow.steps s using (step_slug)
          where x.run_id = r.run_id and x.status = 'failed' and s.kind <> 'failure'
            and (s.flow_slug, s.version) = (r.flow_slug, r.version))""",
    "a completed task was completed by no attempt, or by two": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        left join pgflow.maps m using (run_id, step_slug)
        cross join lateral (
          select count(*) as total, count(distinct a.task_index) as tasks from pgflow.attempts a
          where a.run_id = s.run_id and a.step_slug = s.step_slug and a.outcome = 'completed') a
        where s.status = 'completed' and d.kind not in ('signal', 'sleep', 'flow')
          and (coalesce(m.tasks_count - m.skipped_count, 1), a.total) <> (a.total, a.tasks)""",
    "a step was skipped after an attempt had completed it, or without a reason that is true": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        where s.status = 'skipped' and not coalesce(case s.skip_reason
          when 'condition_unmet' then
            d.condition is not null and s.cascades = (d.when_unmet = 'skip_cascade')
          when 'handler_failed' then
            s.error is not null and s.lease_id is null
            and s.cascades = (d.on_failure = 'skip_cascade')
          else s.cascades and exists (
            select 1 from pgflow.deps e
            join pgflow.step_states up on up.run_id = s.run_id and up.step_slug = e.from_step_slug
            where (e.flow_slug, e.version, e.to_step_slug) = (d.flow_slug, d.version, d.step_slug)
              and up.cascades)
        end, false)""",
    "a step has begun and not been skipped, and a dep of it was skipped with cascade": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.deps e on (e.flow_slug, e.version, e.to_step_slug)
                            = (r.flow_slug, r.version, s.step_slug)
        join pgflow.step_states up on up.run_id = s.run_id and up.step_slug = e.from_step_slug
        where up.cascades and s.status <> 'skipped'""",
    "a failed run has not begun its failure handler, or one that has not failed has": """
        select r.run_id, s.step_slug from pgflow.runs r
        join pgflow.steps s using (flow_slug, version)
        left join pgflow.step_states x using (run_id, step_slug)
        where s.kind = 'failure'
          and (r.status = 'failed') is distinct from (x.run_id is not null)""",
    "a step is marked as plain and is not, or the other way round": """
        with recursive cascading as (
          select flow_slug, version, step_slug from pgflow.steps
          where on_failure = 'skip_cascade' or condition is not null and when_unmet = 'skip_cascade'
          union
          select d.flow_slug, d.version, d.to_step_slug from cascading c
          join pgflow.deps d on (d.flow_slug, d.version, d.from_step_slug)
                              = (c.flow_slug, c.version, c.step_slug))
        select s.flow_slug, s.version, s.step_slug from pgflow.steps s
        join pgflow.contracts c using (contract_id)
        where s.is_plain is distinct from (
          s.kind = 'single' and s.condition is null and c.start_delay_seconds = 0
          and not exists (
            select 1 from pgflow.deps d
            join cascading f on (f.flow_slug, f.version, f.step_slug)
                              = (d.flow_slug, d.version, d.from_step_slug)
            where (d.flow_slug, d.version, d.to_step_slug)
                = (s.flow_slug, s.version, s.step_slug)))""",
    "a map step has begun and its row in maps is missing, or the other way round": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        left join pgflow.maps m using (run_id, step_slug)
        join pgflow.contracts c using (contract_id)
        where (
          c.over_source is not null
          and coalesce(s.error ->> 'code', '') not in ('PF609', 'PF610')
          and coalesce(s.skip_reason, 'handler_failed') = 'handler_failed')
          is distinct from (m.run_id is not null)
        union all
        select m.run_id, m.step_slug from pgflow.maps m
        left join pgflow.step_states s using (run_id, step_slug)
        where s.run_id is null""",
    "a task of a map at work is not exactly one of waiting, leased and completed": """
        select m.run_id, m.step_slug, n.task_index from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        cross join lateral generate_series(0, m.tasks_count - 1) as n (task_index)
        left join pgflow.tasks t using (run_id, step_slug, task_index)
        left join pgflow.leases l using (run_id, step_slug, task_index)
        left join pgflow.map_results x using (run_id, step_slug, task_index)
        left join pgflow.map_items i using (run_id, step_slug, task_index)
        where s.status = 'started' and m.begun_count is null
          and (num_nonnulls(t.run_id, l.run_id, x.run_id) <> 1 or i.run_id is null)""",
    "an item of a map of sub-flows at work is not exactly one of to begin, open and ended": """
        select m.run_id, m.step_slug, n.task_index from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        cross join lateral generate_series(0, m.tasks_count - 1) as n (task_index)
        left join pgflow.sub_runs o using (run_id, step_slug, task_index)
        left join pgflow.map_results x using (run_id, step_slug, task_index)
        left join pgflow.map_items i using (run_id, step_slug, task_index)
        where s.status = 'started' and m.begun_count is not null
          and (
            (n.task_index >= m.begun_count)::int + coalesce(o.is_open, false)::int
              + (x.run_id is not null)::int <> 1
            or n.task_index >= m.begun_count and o.run_id is not null
            or i.run_id is null)""",
    "a map of sub-flows at work has nothing that takes it further": """
        select m.run_id, m.step_slug from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        where s.status = 'started' and m.begun_count is not null
          and not exists (select 1 from pgflow.sub_runs o
                          where (o.run_id, o.step_slug) = (m.run_id, m.step_slug) and o.is_open)
          and not exists (select 1 from pgflow.timers t
                          where (t.run_id, t.step_slug, t.kind)
                              = (m.run_id, m.step_slug, 'sub_flow'))""",
    "a task, a lease, an item or a result is of no item of its step": """
        select t.run_id, t.step_slug, t.task_index
        from (
          select run_id, step_slug, task_index, 1 as single from pgflow.tasks
          union all
          select run_id, step_slug, task_index, 1 from pgflow.leases
          union all
          select run_id, step_slug, task_index, 0 from pgflow.map_items
          union all
          select run_id, step_slug, task_index, 0 from pgflow.map_results
        ) as t
        left join pgflow.maps m using (run_id, step_slug)
        where t.task_index not between 0 and coalesce(m.tasks_count, t.single) - 1""",
    "the task of a map that is noted as the highest open one is not that": """
        select m.run_id, m.step_slug, m.open_index from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        where s.status in ('started', 'completed') and m.begun_count is null
          and m.open_index is distinct from coalesce((
          select max(t.task_index)
          from (
            select run_id, step_slug, task_index from pgflow.tasks
            union all
            select run_id, step_slug, task_index from pgflow.leases
          ) as t
          where (t.run_id, t.step_slug) = (m.run_id, m.step_slug)), -1)""",
    "items or results of a map that has ended are still there": """
        select x.run_id, x.step_slug
        from (
          select run_id, step_slug from pgflow.map_items
          union all
          select run_id, step_slug from pgflow.map_results
          union all
          select run_id, step_slug from pgflow.maps where shared_args is not null
        ) as x
        left join pgflow.step_states s using (run_id, step_slug)
        where s.status is distinct from 'started'""",
    "the list of a completed map has not one result for each item": """
        select m.run_id, m.step_slug from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        where s.status = 'completed' and (
          jsonb_typeof(s.step_result) <> 'array'
          or jsonb_array_length(s.step_result) <> m.tasks_count)""",
    "a map that has ended miscounted what has completed": """
        select m.run_id, m.step_slug from pgflow.maps m
        join pgflow.step_states s using (run_id, step_slug)
        where s.status <> 'started' and m.begun_count is null and m.completed_count <> (
          select count(*) from pgflow.attempts a
          where a.run_id = m.run_id and a.step_slug = m.step_slug and a.outcome = 'completed')""",
    "a task forgot an attempt, or counted one that does not count": """
        select t.run_id, t.step_slug, t.used
        from (
          select run_id, step_slug, task_index, attempts_count as used from pgflow.tasks
          union all
          select run_id, step_slug, task_index, attempt - 1 from pgflow.leases
        ) as t
        where t.used <> (
          select count(*) from pgflow.attempts a
          where (a.run_id, a.step_slug, a.task_index) = (t.run_id, t.step_slug, t.task_index)
            and a.outcome in ('failed', 'expired'))""",
    "two attempts that count have one number": """
        select run_id, step_slug, attempt from pgflow.attempts
        where outcome in ('completed', 'failed', 'expired')
        group by run_id, step_slug, task_index, attempt having count(*) > 1""",
    "a step has a state and is not in the flow of the run": """
        select x.run_id, x.step_slug from pgflow.step_states x
        left join pgflow.runs r using (run_id)
        left join pgflow.steps s using (flow_slug, version, step_slug)
        where s.step_slug is null""",
    "a step has not ended and its run has": """
        select x.run_id, x.step_slug from pgflow.step_states x
        join pgflow.runs r using (run_id)
        join pgflow.steps s using (flow_slug, version, step_slug)
        where x.status = 'started' and r.status <> 'started' and s.kind <> 'failure'""",
    "a task or a lease has another contract than its step": """
        select t.run_id, t.step_slug
        from (
          select run_id, step_slug, contract_id from pgflow.tasks
          union all
          select run_id, step_slug, contract_id from pgflow.leases
        ) as t
        join pgflow.runs r using (run_id)
        left join pgflow.steps s using (flow_slug, version, step_slug)
        where s.contract_id is distinct from t.contract_id""",
    "a worker holds a lease and is unknown": """
        select l.run_id, l.step_slug from pgflow.leases l
        left join pgflow.workers w using (worker_id)
        where w.worker_id is null""",
    "a sleep at work has no timer, or a timer is of no step that waits": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        where d.kind = 'sleep' and s.status = 'started'
          and not exists (select 1 from pgflow.timers t
                          where (t.run_id, t.step_slug, t.kind) = (s.run_id, s.step_slug, 'sleep'))
        union all
        select t.run_id, t.step_slug from pgflow.timers t
        left join pgflow.runs r using (run_id)
        left join pgflow.step_states s using (run_id, step_slug)
        left join pgflow.steps d using (flow_slug, version, step_slug)
        where t.kind in ('sleep', 'signal')
          and (s.status is distinct from 'started' or d.kind is distinct from t.kind)
          or t.kind = 'start' and r.status is distinct from 'started'""",
    "a step waits for a sub-run that is not there, or that has ended and nobody is told": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        left join pgflow.maps m on (m.run_id, m.step_slug) = (s.run_id, s.step_slug)
        left join pgflow.sub_runs x
          on (x.run_id, x.step_slug) = (s.run_id, s.step_slug) and x.is_open
        left join pgflow.runs c on c.run_id = x.sub_run_id
        left join pgflow.timers t on (t.run_id, t.step_slug, t.kind, t.task_index)
                                   = (x.run_id, x.step_slug, 'sub_flow', x.task_index)
        where d.kind = 'flow' and s.status = 'started' and r.status = 'started'
          and (c.status is null and m.run_id is null
               or c.status <> 'started' and t.run_id is null)""",
    "a sub-run goes on after its step has ended, and is not told": """
        select c.run_id, c.parent_run_id from pgflow.runs c
        join pgflow.step_states s
          on (s.run_id, s.step_slug) = (c.parent_run_id, c.parent_step_slug)
        left join pgflow.timers t on t.run_id = c.run_id and t.kind = 'parent'
        where c.status = 'started' and s.status <> 'started' and t.run_id is null""",
    "a signal was sent and its step still waits, or ended with something else": """
        select g.run_id, g.step_slug from pgflow.signals g
        join pgflow.step_states s using (run_id, step_slug)
        where s.status = 'started'
          or s.status = 'completed' and s.step_result is distinct from g.payload""",
    "more attempts counted than allowed": """
        select a.run_id, a.step_slug from pgflow.attempts a
        join pgflow.runs r using (run_id)
        join pgflow.steps s using (flow_slug, version, step_slug)
        join pgflow.contracts c using (contract_id)
        where a.outcome in ('completed', 'failed', 'expired') and a.attempt > c.max_attempts""",
}


_EVERY: Final = " union all ".join(
    f"select $name${name}$name$, jsonb_agg(b) from (select * from ({query}) as q limit 5) as b"
    for name, query in _INVARIANTS.items()
).encode()
"""All in one statement: they are recounted after every call of the model-based test."""


def check_invariants(conn: Connection[Any]) -> None:
    """Fail with the name of each invariant that is broken, and the rows that break it."""
    broken = {name: rows for name, rows in conn.execute(_EVERY).fetchall() if rows is not None}
    assert not broken, broken
