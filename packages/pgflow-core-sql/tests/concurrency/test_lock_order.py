"""Any two calls on the same runs, on two sessions, in either order: no deadlock, nothing broken.

The first call is stopped in its middle by a third session that holds one lock, on the first run, on
the last one, or on the worker. Then the second call begins, and the lock is given back. Whoever
takes locks against the order of ARCHITECTURE.md meets the other one there.
"""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    STRING,
    Claimed,
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    exchange,
    extend,
    fail,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.invariants import check_invariants

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]

FLOW = a_flow(
    "pairs",
    a_step("held", result_schema=STRING),
    a_step("waiting"),
    a_step("after", "held", "waiting"),
    options=FlowOptions(max_attempts=2, base_delay_seconds=0, jitter=0),
)

OTHER = a_flow(
    "pairs",
    a_step("held", result_schema=STRING),
    a_step("waiting", result_schema=STRING),
    a_step("after", "held", "waiting"),
)
"""The version to which runs are upgraded; the task that waits gets another contract."""


class Scene:
    """Three runs: the worker holds one step of each, the other step of each waits."""

    def __init__(self, conn: Conn) -> None:
        self.worker_id: UUID = register_worker(conn, FLOW)
        held = FLOW.model_copy(update={"steps": (FLOW.step("held"),)})
        waiting = FLOW.model_copy(update={"steps": (FLOW.step("waiting"),)})
        for _ in range(3):
            start_run(conn, "pairs")
        # The same worker: it first knows one of its handlers, then both.
        self.register(conn, held)
        self.tasks: list[Claimed] = sorted(
            claim(conn, self.worker_id), key=lambda task: task.run_id
        )
        assert len(self.tasks) == 3
        self.register(conn, held, waiting)

    def register(self, conn: Conn, *flows: Any) -> None:
        steps = [step for flow in flows for step in flow.steps]
        conn.execute(
            "select pgflow.register_worker(%s, 'w', %s, %s, %s)",
            [
                self.worker_id,
                ["pairs"] * len(steps),
                [step.slug for step in steps],
                [step.digest for step in steps],
            ],
        )


Call = Callable[[Scene, Conn], Any]


def _exchange(scene: Scene, conn: Conn) -> None:
    """What a worker does: report, and take more in the same call."""
    try:
        exchange(conn, scene.worker_id, scene.tasks[::-1], 2, results=["x"] * 3)
    except psycopg.Error as error:
        assert error.sqlstate == "PF104"  # noqa: PT017 - any other one is the failure


def _complete_and_claim(scene: Scene, conn: Conn) -> None:
    """Report and take more in the same transaction, by two calls."""
    try:
        with conn.transaction():
            complete(conn, scene.tasks[::-1], ["x"] * 3)
            claim(conn, scene.worker_id, 2)
    except psycopg.Error as error:
        assert error.sqlstate == "PF104"  # noqa: PT017 - any other one is the failure


def _cancel_all(scene: Scene, conn: Conn) -> None:
    """Cancel the runs; one that has ended meanwhile is no fault."""
    for task in scene.tasks:
        try:
            conn.execute("select pgflow.cancel_run(%s)", [task.run_id])
        except psycopg.Error as error:
            assert error.sqlstate == "PF302"  # noqa: PT017 - any other one is the failure


def _claim(scene: Scene, conn: Conn) -> None:
    """Claim; a worker that was stopped or died meanwhile is told so."""
    try:
        claim(conn, scene.worker_id, 2)
    except psycopg.Error as error:
        assert error.sqlstate == "PF104"  # noqa: PT017 - any other one is the failure


# Arrays go in opposite orders, so that a call which locks as given meets one that sorts.
CALLS: dict[str, Call] = {
    "claim": _claim,
    "complete": lambda scene, conn: complete(conn, scene.tasks, ["x"] * 3),
    "complete, claim": _complete_and_claim,
    "exchange": _exchange,
    "complete, unfit": lambda scene, conn: complete(conn, scene.tasks[::-1], ["x", 7, "x"]),
    "fail": lambda scene, conn: fail(conn, scene.tasks[::-1]),
    "give up": lambda scene, conn: fail(conn, scene.tasks, retryable=False),
    "release": lambda scene, conn: release(conn, scene.tasks[::-1]),
    "extend": lambda scene, conn: extend(conn, scene.tasks[::-1]),
    "cancel": _cancel_all,
    "upgrade": lambda scene, conn: conn.execute(
        "select * from pgflow.upgrade_runs(%s, 1)", [[task.run_id for task in scene.tasks[::-1]]]
    ),
    "sweep": lambda scene, conn: conn.execute("select * from pgflow.sweep()"),
    "stop": lambda scene, conn: conn.execute("select pgflow.stop_worker(%s)", [scene.worker_id]),
}

GATES = {
    "first run": "select 1 from pgflow.runs where run_id = %(first)s for no key update",
    "last run": "select 1 from pgflow.runs where run_id = %(last)s for no key update",
    "worker": "select 1 from pgflow.workers where worker_id = %(worker)s for no key update",
    "queue": "select 1 from pgflow.tasks where run_id = %(last)s for update",
    "lease": "select 1 from pgflow.leases where run_id = %(last)s for update",
}


@pytest.mark.parametrize("first", CALLS)
def test_two_calls_on_the_same_runs_never_deadlock(
    conn: Conn, connect: Connect, begin: Begin, first: str
) -> None:
    """One database for all second calls and gates: each of them has its own runs and worker."""
    deploy(conn, OTHER)
    deploy(conn, FLOW)
    gate, one, two = connect(), connect(), connect()
    for session in (one, two):
        session.execute("set deadlock_timeout = '20ms'; set lock_timeout = '10s'")
    for second, held in product(CALLS, GATES):
        scene = Scene(conn)
        conn.execute("update pgflow.leases set leased_until = now() - interval '1 s'")
        conn.execute("update pgflow.workers set last_beat_at = now() - interval '1 h'")
        with gate.transaction():
            gate.execute(
                GATES[held].encode(),
                {
                    "first": scene.tasks[0].run_id,
                    "last": scene.tasks[-1].run_id,
                    "worker": scene.worker_id,
                },
            )
            earlier = begin(one, partial(CALLS[first], scene))
            later = begin(two, partial(CALLS[second], scene))
        for future, name in ((earlier, first), (later, second)):
            try:
                future.result(timeout=20)
            except psycopg.Error as error:
                pytest.fail(f"{name!r} of {first!r}, {second!r} held at {held!r}: {error}")
        check_invariants(conn)
        # Not truncate: on small tables it takes a hundred times as long.
        for table in ("attempt_log", "leases", "tasks", "step_states", "runs", "workers"):
            conn.execute(f"delete from pgflow.{table}".encode())
    assert scalar(conn, "select count(*) from pgflow.runs") == 0
