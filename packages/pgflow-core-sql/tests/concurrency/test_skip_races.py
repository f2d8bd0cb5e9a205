"""Skips and failure handlers under reports and claims of other sessions: once, and nothing left."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    a_flow,
    a_map,
    a_step,
    claim,
    claim_in_order,
    complete,
    fail,
    get_run,
    scalar,
)
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid, wait_until_blocked
from tests.support.refusals import refused
from tests.support.ruled import HANDLER_INPUTS, a_ruled_flow, a_started_run, states

from pgflow_manifest import FlowOptions, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]
ONCE = FlowOptions(max_attempts=1, jitter=0)
LEFT = "select (select count(*) from pgflow.tasks) + (select count(*) from pgflow.leases)"


@pytest.mark.parametrize("policy", ["skip", "skip_cascade"])
@pytest.mark.parametrize("failure_first", [True, False])
def test_join_of_a_skipped_and_a_completed_step_is_decided_once(
    conn: Conn, connect: Connect, begin: Begin, policy: str, failure_first: bool
) -> None:
    flow = a_ruled_flow(
        a_flow(
            "f",
            a_step("a"),
            a_step("b"),
            a_step("join", "a", "b", inputs={"a": ResultInput(step="a")}),
            options=ONCE,
        ),
        {"a": {"on_failure": policy}},
    )
    worker_id, run_id = a_started_run(conn, flow)
    failing, completing = sorted(claim(conn, worker_id), key=lambda task: task.step_slug)
    calls: list[Callable[[Conn], Any]] = [
        lambda session: fail(session, [failing]),
        lambda session: complete(session, [completing], [1]),
    ]
    first, second = calls if failure_first else calls[::-1]
    one, two = connect(), connect()
    with one.transaction():
        first(one)
        waiting = begin(two, second)
        wait_until_blocked(conn, backend_pid(two))
    waiting.result(timeout=10)
    if policy == "skip":
        [join] = claim(conn, worker_id)
        assert (join.step_slug, join.args) == ("join", {"a": None})
        assert states(conn, run_id)["join"] == "started"
        complete(conn, [join], [1])
    else:
        assert states(conn, run_id)["join"] == "skipped:dependency_skipped"
    assert get_run(conn, run_id)["status"] == "completed"


def test_claim_under_way_does_not_keep_a_lease_of_a_skipped_map(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_map("m", PayloadInput()), a_step("after", "m"), options=ONCE),
        {"m": {"on_failure": "skip_cascade"}},
    )
    worker_id, run_id = a_started_run(conn, flow, list(range(10)))
    [first] = claim_in_order(conn, worker_id, 1)
    one, two = connect(), connect()
    with one.transaction():
        taken = claim(one, worker_id, 4)
        failing = begin(two, lambda session: fail(session, [first]))
        wait_until_blocked(conn, backend_pid(two))
    assert failing.result(timeout=10) == ["failed"]
    assert len(taken) == 4
    assert scalar(conn, LEFT) == 0
    assert complete(conn, taken, [0] * 4) == ["stale"] * 4
    assert get_run(conn, run_id)["status"] == "completed"


def test_last_two_items_that_fail_in_two_sessions_gather_the_list_once(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_map("m", PayloadInput()), a_step("after", "m"), options=ONCE),
        {"m": {"on_failure": "skip"}},
    )
    worker_id, run_id = a_started_run(conn, flow, ["a", "b"])
    tasks = claim_in_order(conn, worker_id)
    one, two = connect(), connect()
    with one.transaction():
        fail(one, tasks[:1])
        second = begin(two, lambda session: fail(session, tasks[1:]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["failed"]
    result = scalar(conn, "select step_result from pgflow.step_states where step_slug = 'm'")
    assert result == [None, None]
    assert [task.step_slug for task in claim(conn, worker_id)] == ["after"]
    assert get_run(conn, run_id)["status"] == "started"


@pytest.mark.parametrize("cancel_first", [True, False])
def test_run_is_cancelled_or_has_its_failure_handler(
    conn: Conn, connect: Connect, begin: Begin, cancel_first: bool
) -> None:
    flow = a_ruled_flow(a_flow("f", a_step("a"), options=ONCE), handler=HANDLER_INPUTS)
    worker_id, run_id = a_started_run(conn, flow)
    tasks = claim(conn, worker_id)
    one, two = connect(), connect()

    def cancel(session: Conn) -> None:
        session.execute("select pgflow.cancel_run(%s)", [run_id])

    if cancel_first:
        with one.transaction():
            cancel(one)
            waiting = begin(two, lambda session: fail(session, tasks))
            wait_until_blocked(conn, backend_pid(two))
        assert waiting.result(timeout=10) == ["stale"]
        assert states(conn, run_id) == {"a": "cancelled"}
        assert claim(conn, worker_id) == []
    else:
        with one.transaction():
            fail(one, tasks)
            waiting = begin(two, cancel)
            wait_until_blocked(conn, backend_pid(two))
        with refused(two, "PF302"):
            waiting.result(timeout=10)
        assert [task.step_slug for task in claim(conn, worker_id)] == ["on_failure"]
