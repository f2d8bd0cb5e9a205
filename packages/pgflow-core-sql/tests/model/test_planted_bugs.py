"""The model-based test finds bugs: each of these is planted into one function, and it must see it.

A bug is a text of the function's body and what replaces it; when the function is written otherwise
one day, the test says so, and the bug is to be planted anew. Most are found within 60 programs,
those about locks and silent workers within some 120. `nox -s nightly` runs them.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.support.builders import scalar
from tests.support.fix_pg import Connect
from tests.support.model.machine import EngineMachine
from tests.support.model.sessions import COUNT, Sessions

Conn = psycopg.Connection[Any]

pytestmark = pytest.mark.skipif(
    not os.environ.get("PGFLOW_NIGHTLY"), reason="nox -s nightly: minutes"
)


class Bug(NamedTuple):
    """What is wrong with the engine."""

    function: str
    right: str
    wrong: str


BUGS = {
    "end an attempt without the fence": Bug("_end_attempts", "and l.lease_id = n.lease_id", ""),
    "release without the fence": Bug("release_tasks", "and l.lease_id = n.lease_id", ""),
    "leases survive the end of the run": Bug(
        "_end_runs", "where l.run_id = any (p_run_ids)", "where false"
    ),
    "tasks survive the end of the run": Bug(
        "_end_runs", "where t.run_id = any (p_run_ids)", "where false"
    ),
    "steps start with one dep missing": Bug(
        "_start_ready_steps",
        "where not exists (\n      select 1\n      from pgflow.deps as d",
        "where 1 >= (\n      select count(*)\n      from pgflow.deps as d",
    ),
    "a failed dep will do": Bug(
        "_start_ready_steps", "ss.status = 'completed'", "ss.status <> 'created'"
    ),
    "runs complete with their first leaf": Bug("_complete_runs", "and ss.status = 'completed'", ""),
    "one attempt too many": Bug(
        "_end_attempts", "e.attempt < c.max_attempts", "e.attempt <= c.max_attempts"
    ),
    "released tasks lose an attempt": Bug("release_tasks", "r.attempt - 1", "r.attempt"),
    "retries at once": Bug("_end_attempts", "e.attempt, e.retry_at", "e.attempt, v_now"),
    "a silent worker keeps its leases": Bug(
        "_overdue_leases", "or (w.status = 'running' and", "or (false and"
    ),
    "tasks are claimed before their time": Bug("claim_tasks", "and t2.available_at <= v_now", ""),
    "the newest task first": Bug(
        "claim_tasks", "order by t2.available_at", "order by t2.available_at desc"
    ),
    "reports do not lock the run": Bug(
        "_complete_batch", "perform pgflow._lock_runs(p_run_ids);", ""
    ),
    "a map is complete one task early": Bug(
        "_complete_items", "where m.open_index < 0", "where m.open_index < 1"
    ),
    "results of a map in the order of the reports": Bug(
        "_gather_results", "order by r.task_index", "order by r.ctid"
    ),
    "an empty map is not complete": Bug(
        "_start_maps", "perform pgflow._complete_runs(v_run_ids, v_step_slugs);", ""
    ),
    "a repeat is stale": Bug("_outcomes", "and s.step_result = n.result", "and false"),
    "any repeat is accepted": Bug("_outcomes", "and s.step_result = n.result", ""),
    "results that do not fit are stored": Bug(
        "_check_results",
        "c.contract_id is not null and k.error is null",
        "c.contract_id is not null",
    ),
}


@pytest.fixture
def sessions(connect: Connect) -> Iterator[Sessions]:
    with ThreadPoolExecutor(1) as pool:
        callers = [connect() for _ in range(COUNT)]
        for conn in callers:
            conn.execute("set deadlock_timeout = '50ms'")
        yield Sessions(callers=callers, onlooker=connect(), pool=pool)


@pytest.mark.parametrize("bug", BUGS.values(), ids=list(BUGS))
def test_the_machine_finds_it(conn: Conn, sessions: Sessions, bug: Bug) -> None:
    body = scalar(
        conn,
        "select pg_get_functiondef(oid) from pg_proc"
        " where pronamespace = 'pgflow'::regnamespace and proname = %s",
        [bug.function],
    )
    assert bug.right in body, f"{bug.function} is written otherwise now: plant this bug anew"
    conn.execute(body.replace(bug.right, bug.wrong))
    seen = 0

    class Machine(EngineMachine):
        def __init__(self) -> None:
            nonlocal seen
            seen += 1
            super().__init__()

    Machine.sessions = sessions
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - it shows in many ways
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=400,
                stateful_step_count=40,
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    print(f"found after {seen} examples: {type(caught.value).__name__}")
    conn.execute("truncate pgflow.runs, pgflow.step_states, pgflow.tasks, pgflow.leases")
    conn.execute("truncate pgflow.maps, pgflow.map_items, pgflow.map_results, pgflow.attempt_log")
