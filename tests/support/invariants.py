"""What must hold in the tables at any moment between transactions; recounted from the rows."""

from typing import Any, Final

from psycopg import Connection

_INVARIANTS: Final = {
    "a task waits for a run or a step that has ended": """
        select t.run_id, t.step_slug from pgflow.tasks t
        left join pgflow.runs r using (run_id)
        left join pgflow.step_states s using (run_id, step_slug)
        where r.status is distinct from 'started' or s.status is distinct from 'started'""",
    "a lease is held for a run or a step that has ended": """
        select l.run_id, l.step_slug from pgflow.leases l
        left join pgflow.runs r using (run_id)
        left join pgflow.step_states s using (run_id, step_slug)
        where r.status is distinct from 'started' or s.status is distinct from 'started'""",
    "a task waits and is leased at once": """
        select run_id, step_slug from pgflow.tasks
        join pgflow.leases using (run_id, step_slug, task_index)""",
    "a started step has neither a waiting task nor a lease": """
        select s.run_id, s.step_slug from pgflow.step_states s
        where s.status = 'started'
          and not exists (select 1 from pgflow.tasks t
                          where t.run_id = s.run_id and t.step_slug = s.step_slug)
          and not exists (select 1 from pgflow.leases l
                          where l.run_id = s.run_id and l.step_slug = s.step_slug)""",
    "a step started before a dep had completed": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.deps d on (d.flow_slug, d.version, d.to_step_slug)
                            = (r.flow_slug, r.version, s.step_slug)
        left join pgflow.step_states up on up.run_id = s.run_id and up.step_slug = d.from_step_slug
        where up.status is distinct from 'completed' or up.ended_at > s.started_at""",
    "all deps of a step have completed and it has not started": """
        select r.run_id, s.step_slug from pgflow.runs r
        join pgflow.steps s using (flow_slug, version)
        where r.status = 'started'
          and not exists (select 1 from pgflow.step_states x
                          where x.run_id = r.run_id and x.step_slug = s.step_slug)
          and not exists (
            select 1 from pgflow.deps d
            left join pgflow.step_states up
              on up.run_id = r.run_id and up.step_slug = d.from_step_slug
            where (d.flow_slug, d.version, d.to_step_slug)
                = (s.flow_slug, s.version, s.step_slug)
              and up.status is distinct from 'completed')""",
    "a run has completed and a step has not, or the other way round": """
        select r.run_id, r.status from pgflow.runs r
        where (r.status = 'completed') is distinct from (
          (select count(*) from pgflow.steps s
           where (s.flow_slug, s.version) = (r.flow_slug, r.version))
          = (select count(*) from pgflow.step_states x
             where x.run_id = r.run_id and x.status = 'completed'))""",
    "a failed run has no failed step, or a live run has one": """
        select r.run_id, r.status from pgflow.runs r
        where (r.status = 'failed') is distinct from exists (
          select 1 from pgflow.step_states x where x.run_id = r.run_id and x.status = 'failed')""",
    "a completed task was completed by no attempt, or by two": """
        select s.run_id, s.step_slug from pgflow.step_states s
        left join pgflow.maps m using (run_id, step_slug)
        cross join lateral (
          select count(*) as total, count(distinct a.task_index) as tasks from pgflow.attempts a
          where a.run_id = s.run_id and a.step_slug = s.step_slug and a.outcome = 'completed') a
        where s.status = 'completed'
          and (coalesce(m.tasks_count, 1), coalesce(m.tasks_count, 1)) <> (a.total, a.tasks)""",
    "a map step has begun and its row in maps is missing, or the other way round": """
        select s.run_id, s.step_slug from pgflow.step_states s
        join pgflow.runs r using (run_id)
        join pgflow.steps d using (flow_slug, version, step_slug)
        left join pgflow.maps m using (run_id, step_slug)
        where (d.kind = 'map' and s.error ->> 'code' is distinct from 'PF609')
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
        where s.status = 'started'
          and (num_nonnulls(t.run_id, l.run_id, x.run_id) <> 1 or i.run_id is null)""",
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
        where s.status in ('started', 'completed') and m.open_index is distinct from coalesce((
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
        where s.status <> 'started' and m.completed_count <> (
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
        where x.status = 'started' and r.status <> 'started'""",
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
