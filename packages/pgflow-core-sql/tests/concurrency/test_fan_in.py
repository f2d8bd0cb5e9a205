"""The last dep to finish starts the dependent, once, whatever the interleaving."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    Claimed,
    a_claimed_task,
    a_flow,
    a_step,
    claim,
    column,
    complete,
    deploy,
    fail,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid, wait_until_blocked

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]


def two_deps_held(conn: Conn) -> tuple[UUID, Claimed, Claimed]:
    """Return a worker and the two tasks that `merge` of one diamond still waits for."""
    worker_id, task = a_claimed_task(conn)
    complete(conn, [task])
    summarize, capitalize = sorted(
        claim(conn, worker_id), key=lambda task: task.step_slug, reverse=True
    )
    return worker_id, summarize, capitalize


@pytest.mark.parametrize("swapped", [False, True], ids=["one commits first", "other commits first"])
def test_second_session_waits_for_the_first_and_starts_the_dependent(
    conn: Conn, connect: Connect, begin: Begin, swapped: bool
) -> None:
    worker_id, *tasks = two_deps_held(conn)
    earlier, later = tasks[::-1] if swapped else tasks
    one, two = connect(), connect()
    with one.transaction():
        complete(one, [earlier])
        second = begin(two, lambda session: complete(session, [later]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]
    assert [task.step_slug for task in claim(conn, worker_id)] == ["merge"]
    assert claim(conn, worker_id) == []


@pytest.mark.parametrize("swapped", [False, True], ids=["one rolls back", "other rolls back"])
def test_dependent_does_not_start_when_the_first_session_rolls_back(
    conn: Conn, connect: Connect, begin: Begin, swapped: bool
) -> None:
    worker_id, *tasks = two_deps_held(conn)
    earlier, later = tasks[::-1] if swapped else tasks
    one, two = connect(), connect()
    with one.transaction(force_rollback=True):
        complete(one, [earlier])
        second = begin(two, lambda session: complete(session, [later]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]
    assert claim(conn, worker_id) == []
    assert complete(conn, [earlier]) == ["completed"]
    assert [task.step_slug for task in claim(conn, worker_id)] == ["merge"]


def test_step_does_not_seem_to_start_before_its_deps_ended(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    """The session that began first may be the one that waits: its time is read after the lock."""
    _, summarize, capitalize = two_deps_held(conn)
    one, two = connect(), connect()
    one.execute("begin")
    one.execute("select now()")
    with two.transaction():
        complete(two, [capitalize])
        first = begin(one, lambda session: complete(session, [summarize]))
        wait_until_blocked(conn, backend_pid(one))
    first.result(timeout=10)
    one.execute("commit")
    started = scalar(conn, "select started_at from pgflow.step_states where step_slug = 'merge'")
    assert all(
        ended <= started
        for ended in column(
            conn, "select ended_at from pgflow.step_states where status = 'completed'"
        )
    )


@pytest.mark.parametrize("swapped", [False, True], ids=["one leaf first", "other leaf first"])
def test_last_two_leaves_in_two_sessions_complete_the_run(
    conn: Conn, connect: Connect, begin: Begin, swapped: bool
) -> None:
    flow = a_flow("leaves", a_step("a"), a_step("b"))
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    run_id = start_run(conn, "leaves")
    tasks = sorted(claim(conn, worker_id), key=lambda task: task.step_slug, reverse=swapped)
    one, two = connect(), connect()
    with one.transaction():
        complete(one, tasks[:1], ["x"])
        second = begin(two, lambda session: complete(session, tasks[1:], ["y"]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]
    assert get_run(conn, run_id)["status"] == "completed"


def test_completion_that_waits_for_a_failure_of_the_run_is_stale(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    _, summarize, capitalize = two_deps_held(conn)
    one, two = connect(), connect()
    with one.transaction():
        fail(one, [summarize], retryable=False)
        second = begin(two, lambda session: complete(session, [capitalize]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["stale"]
    assert get_run(conn, summarize.run_id)["status"] == "failed"


def test_failure_that_waits_for_the_completion_of_the_other_dep_fails_the_run(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    worker_id, summarize, capitalize = two_deps_held(conn)
    one, two = connect(), connect()
    with one.transaction():
        complete(one, [summarize])
        second = begin(two, lambda session: fail(session, [capitalize], retryable=False))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["failed"]
    assert get_run(conn, summarize.run_id)["status"] == "failed"
    assert claim(conn, worker_id) == []


def test_same_report_in_two_sessions_is_accepted_once(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    _, task = a_claimed_task(conn)
    one, two = connect(), connect()
    with one.transaction():
        assert complete(one, [task]) == ["completed"]
        second = begin(two, lambda session: complete(session, [task]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]  # an exact repeat
    assert scalar(conn, "select count(*) from pgflow.attempts") == 1
    assert scalar(conn, "select count(*) from pgflow.tasks") == 2
