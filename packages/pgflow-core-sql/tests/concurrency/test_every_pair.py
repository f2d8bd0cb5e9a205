"""Every pair of public functions on one run, on two sessions: as if one had come after the other.

The first call has been made and its transaction is open when the second begins, which then waits
for a lock or does not. Afterwards the tables say what they say when both are made one after the
other, in this order or in the other. test_lock_order.py is about calls that are stopped in their
middle.
"""

import json
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support import builders
from tests.support.builders import Claimed, a_flow, a_map, a_step, column
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect
from tests.support.invariants import check_invariants
from tests.support.waiting import a_signal

from pgflow_manifest import FlowOptions, PayloadInput

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]

OPTIONS = FlowOptions(max_attempts=2, base_delay_seconds=0, jitter=0)
FLOW = a_flow(
    "pairs",
    a_step("held"),
    a_step("other"),
    a_map("many", PayloadInput()),
    a_step("after", "held", "other"),
    a_signal("asked", timeout=1000),
    options=OPTIONS,
)
OTHER_OPTIONS = FLOW.model_copy(
    update={"options": FlowOptions(max_attempts=5, base_delay_seconds=7, jitter=0)}
)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
RUN = UUID(int=1)
NEW_RUN = UUID(int=2)


class Scene:
    """One run: the worker holds `held`, another one `other`, and the items of the map wait."""

    def __init__(self, conn: Conn) -> None:
        self.worker_id = _worker(conn, UUID(int=11), "held")
        self.other_id = _worker(conn, UUID(int=12), "other")
        conn.execute("select pgflow.start_flow('pairs', '[1, 2]', %s)", [RUN])
        [self.mine] = builders.claim(conn, self.worker_id, lease_seconds=10)
        [self.others] = builders.claim(conn, self.other_id, lease_seconds=1000)
        _worker(conn, self.worker_id, "held", "many", "after")

    def key(self, task: Claimed) -> list[Any]:
        return [[task.run_id], [task.step_slug], [task.task_index], [task.lease_id]]


def _worker(conn: Conn, worker_id: UUID, *slugs: str) -> UUID:
    conn.execute(
        "select pgflow.register_worker(%s, 'w', %s, %s, %s, 3600)",
        [worker_id, ["pairs"] * len(slugs), [*slugs], [FLOW.step(s).digest for s in slugs]],
    )
    return worker_id


Call = Callable[[Scene, Conn], Any]


def _sql(query: str, *values: Any) -> Call:
    return lambda scene, conn: conn.execute(query.encode(), values).fetchall()


# What each function is called with; those of two workers, so that both reports matter.
CALLS: dict[str, Call] = {
    "beat": lambda scene, conn: conn.execute("select pgflow.beat(%s)", [scene.worker_id]),
    "cancel_run": _sql("select pgflow.cancel_run(%s)", RUN),
    "claim_tasks": lambda scene, conn: builders.claim(conn, scene.worker_id),
    "complete_step": lambda scene, conn: conn.execute(
        "select pgflow.complete_step(%s, 'held', %s, '1')", [RUN, scene.mine.lease_id]
    ),
    "complete_tasks": lambda scene, conn: builders.complete(conn, [scene.others], ["x"]),
    "deploy": lambda scene, conn: builders.deploy(conn, OTHER_OPTIONS),
    "exchange_tasks": lambda scene, conn: builders.exchange(
        conn, scene.worker_id, [scene.mine], results=["x"]
    ),
    "extend_leases": lambda scene, conn: builders.extend(conn, [scene.mine], 500),
    "fail_tasks": lambda scene, conn: builders.fail(conn, [scene.mine]),
    "register_worker": lambda scene, conn: _worker(conn, scene.worker_id, "held", "after"),
    "release_tasks": lambda scene, conn: builders.release(conn, [scene.mine, scene.others]),
    "send_signal": _sql("select pgflow.send_signal(%s, 'asked', '1')", RUN),
    "start_flow": _sql("select pgflow.start_flow('pairs', '[]', %s)", NEW_RUN),
    "start_flows": _sql("select pgflow.start_flows('pairs', array['[]'::jsonb])"),
    "stop_worker": lambda scene, conn: conn.execute(
        "select pgflow.stop_worker(%s)", [scene.worker_id]
    ),
    "sweep": _sql("select * from pgflow.sweep()"),
    "upgrade_runs": _sql("select * from pgflow.upgrade_runs(%s, 1)", [RUN]),
    "watch_run": _sql("select pgflow.watch_run(%s)", RUN),
}
READ_ONLY = {
    *("breaking_version", "get_run", "list_runs", "may_see"),
    *("schema_version", "status", "validate", "deployed_manifest", "explain_run"),
}
"""These change nothing, so no order of theirs can matter."""

ANSWERS = {"PF104", "PF301", "PF302", "PF303"}
"""Errors that tell that the other call came first."""

NOT_SERIAL = {
    frozenset({claim, other})
    for claim in ("claim_tasks", "exchange_tasks")
    for other in ("stop_worker", "upgrade_runs")
}
"""A claim takes no lock of its worker, which would cost every claim: the lease of one that is under
way while its own worker says goodbye is not released; it runs out, and a sweep queues it again. And
a claim passes over the tasks that an upgrade holds, and takes them when it looks again."""

# A lease has a new id with every claim, and a run of start_flows has a new one: told without.
TABLES = b"""
select 'run', status, count(*)::text, null, null from pgflow.runs group by status
union all
select 'step', step_slug, status, step_result::text, error ->> 'code'
from pgflow.step_states where run_id = '00000000-0000-0000-0000-000000000001'
union all
select 'waits', step_slug, task_index::text, attempts_count::text, null
from pgflow.tasks where run_id = '00000000-0000-0000-0000-000000000001'
union all
select 'leased', step_slug, attempt::text, worker_id::text, leased_until::text from pgflow.leases
union all
select 'attempt', step_slug, attempt::text, outcome, error ->> 'code' from pgflow.attempts
union all
select 'worker', worker_id::text, status, last_beat_at::text, array_length(contract_ids, 1)::text
from pgflow.workers
union all
select 'options', step_slug, max_attempts::text, null, null from pgflow.contracts
union all
select 'signal', step_slug, payload::text, null, null from pgflow.signals
union all
select 'timer', step_slug, kind, due_at::text, null from pgflow.timers
union all
select 'watch', run_id::text, watched_until::text, null, null from pgflow.watches
"""


def test_every_function_that_changes_something_is_in_the_table(tx: Conn) -> None:
    public = column(
        tx,
        "select distinct proname::text from pg_proc where pronamespace = 'pgflow'::regnamespace"
        " and prosecdef",
    )
    assert set(public) == CALLS.keys() | READ_ONLY


class Stage:
    """A database, two sessions whose clock stands still, and the scene again and again."""

    def __init__(self, conn: Conn, one: Conn, two: Conn, set_clock: SetClock) -> None:
        self.conn, self.one, self.two = conn, one, two
        self._set_clock = set_clock
        for session in (one, two):
            session.execute("set deadlock_timeout = '50ms'; set lock_timeout = '10s'")

    def scene(self) -> Scene:
        """Return a new scene; the lease of the worker has run out, and nobody saw it yet."""
        conn = self.conn
        for table in (
            *("signals", "timers", "sub_runs"),
            *("attempt_log", "leases", "tasks", "map_items", "map_results", "maps"),
            *("step_states", "runs", "watches", "workers"),
        ):
            conn.execute(f"delete from pgflow.{table}".encode())
        for session in (conn, self.one, self.two):
            self._set_clock(session, NOON)
        builders.deploy(conn, FLOW)
        scene = Scene(conn)
        for session in (self.one, self.two):
            self._set_clock(session, NOON + timedelta(seconds=20))
        return scene

    def story(self) -> set[str]:
        """Return what the tables say now."""
        rows = self.conn.execute(TABLES).fetchall()
        return {json.dumps(row) + f" x{rows.count(row)}" for row in rows}

    def serial(self, *names: str) -> set[str]:
        """Return what they say when the calls are made one after the other."""
        scene = self.scene()
        for name in names:
            answer(partial(CALLS[name], scene, self.one))
        return self.story()


def answer(call: Callable[[], Any]) -> None:
    """Make a call; what tells that the other one came first is no fault."""
    try:
        call()
    except psycopg.Error as error:
        if error.sqlstate not in ANSWERS:
            raise


@pytest.mark.parametrize("first", CALLS)
def test_two_sessions_do_what_one_would(
    conn: Conn, connect: Connect, begin: Begin, set_clock: SetClock, first: str
) -> None:
    stage = Stage(conn, connect(), connect(), set_clock)
    wrong: list[str] = []
    for second in CALLS:
        scene = stage.scene()

        def later(session: Conn, name: str = second, scene: Scene = scene) -> None:
            answer(lambda: CALLS[name](scene, session))

        with stage.one.transaction():
            answer_in_savepoint(stage.one, partial(CALLS[first], scene, stage.one))
            future = begin(stage.two, later)
        future.result(timeout=20)
        check_invariants(conn)
        told = stage.story()
        serial = [stage.serial(first, second), stage.serial(second, first)]
        if "sweep" in (first, second):
            # it leaves a run that somebody holds to the next one
            serial.append(stage.serial(first if second == "sweep" else second))
        if told not in serial and frozenset({first, second}) not in NOT_SERIAL:
            wrong.append(f"{first}, {second}: {sorted(told ^ serial[0])}")
    assert not wrong, "\n".join(wrong)


def answer_in_savepoint(conn: Conn, call: Callable[[], Any]) -> None:
    """Make a call within the transaction that is open; an error of it leaves that as it was."""

    def within() -> None:
        with conn.transaction():
            call()

    answer(within)
