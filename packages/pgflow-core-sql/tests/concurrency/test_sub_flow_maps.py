"""No sub-run of a map is lost, and none waits for another, whatever the interleaving."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    claim,
    column,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid, wait_until_blocked
from tests.support.sub_flow_maps import (
    INNER,
    a_begun_map,
    an_outer_flow,
    by_text,
    open_at_once,
    sweep,
)

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]


def impatient(connect: Connect) -> Conn:
    """Return a session whose statements fail rather than wait for a lock."""
    session = connect()
    session.execute("set lock_timeout = '1s'")
    return session


def statuses(conn: Conn) -> list[Any]:
    return column(conn, "select status from pgflow.runs where flow_slug = 'inner' order by status")


@pytest.mark.parametrize("swapped", [False, True], ids=["one commits first", "other commits first"])
def test_two_sub_runs_end_at_the_same_time_and_neither_waits(
    conn: Conn, connect: Connect, swapped: bool
) -> None:
    worker_id, run_id = a_begun_map(conn, ["a", "b"])
    tasks = by_text(claim(conn, worker_id))
    one, two = impatient(connect), impatient(connect)
    one.execute("begin")
    two.execute("begin")
    complete(one, [tasks["a"]], ["A"])
    complete(two, [tasks["b"]], ["B"])
    assert sweep(conn) == 0
    first, second = (two, one) if swapped else (one, two)
    first.execute("commit")
    assert sweep(conn) == 1
    assert get_step(conn, run_id, "called")["tasks"]["completed"] == 1
    second.execute("commit")
    assert sweep(conn) == 1
    assert get_step(conn, run_id, "called")["result"] == ["A", "B"]


def test_sub_run_that_ends_while_a_sweep_takes_in_another_is_not_lost(
    conn: Conn, connect: Connect
) -> None:
    """The news of both are rows of their own: a row that is being deleted hides none."""
    worker_id, run_id = a_begun_map(conn, ["a", "b"])
    tasks = by_text(claim(conn, worker_id))
    complete(conn, [tasks["a"]], ["A"])
    one, two = impatient(connect), impatient(connect)
    with one.transaction():
        assert sweep(one) == 1
        complete(two, [tasks["b"]], ["B"])
    assert sweep(conn) == 1
    assert get_step(conn, run_id, "called")["result"] == ["A", "B"]


def test_sub_run_that_ended_before_a_sweep_and_commits_after_it_is_not_lost(
    conn: Conn, connect: Connect
) -> None:
    worker_id, run_id = a_begun_map(conn, ["a", "b"])
    tasks = by_text(claim(conn, worker_id))
    one, two = impatient(connect), impatient(connect)
    with one.transaction():
        complete(one, [tasks["a"]], ["A"])
        complete(two, [tasks["b"]], ["B"])
        assert sweep(two) == 1
    assert sweep(conn) == 1
    assert get_step(conn, run_id, "called")["result"] == ["A", "B"]


def test_one_fails_and_the_other_completes_at_the_same_time(conn: Conn, connect: Connect) -> None:
    worker_id, run_id = a_begun_map(conn, ["a", "b"])
    tasks = by_text(claim(conn, worker_id))
    one, two = impatient(connect), impatient(connect)
    with one.transaction():
        complete(one, [tasks["a"]], ["A"])
        fail(two, [tasks["b"]], retryable=False)
        assert sweep(two) == 1
    assert get_run(conn, run_id)["status"] == "failed"
    while sweep(conn):
        pass
    assert statuses(conn) == ["completed", "failed"]
    assert scalar(conn, "select count(*) from pgflow.timers") == 0


def test_cancel_waits_for_a_sweep_that_begins_sub_runs_and_ends_them_too(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    _, run_id = a_begun_map(conn, ["a", "b", "c"], begin=False)
    one, two = connect(), connect()
    with one.transaction():
        assert sweep(one) == 1
        cancelled = begin(two, lambda s: scalar(s, "select pgflow.cancel_run(%s)", [run_id]))
        wait_until_blocked(conn, backend_pid(two))
    assert cancelled.result(timeout=10) == "cancelled"
    while sweep(conn):
        pass
    assert statuses(conn) == ["cancelled"] * 3


def test_sweep_leaves_a_map_whose_run_is_being_cancelled(conn: Conn, connect: Connect) -> None:
    worker_id, run_id = a_begun_map(conn, ["a", "b"])
    complete(conn, claim(conn, worker_id, 1), ["x"])
    one, two = impatient(connect), impatient(connect)
    with one.transaction():
        assert scalar(one, "select pgflow.cancel_run(%s)", [run_id]) == "cancelled"
        assert sweep(two) == 0
    while sweep(conn):
        pass
    assert statuses(conn) == ["cancelled", "completed"]


@pytest.mark.stress
def test_four_sessions_work_off_maps_of_sub_flows_and_nothing_is_lost(
    conn: Conn, connect: Connect, pool: ThreadPoolExecutor
) -> None:
    open_at_once(conn, 20)
    deploy(conn, INNER, an_outer_flow())
    items = [str(number) for number in range(100)]
    run_ids = [start_run(conn, "outer", {"items": items}) for _ in range(10)]
    together = threading.Barrier(4)

    def work(session: Conn) -> None:
        session.execute("set lock_timeout = '20s'")
        mine = register_worker(session, INNER, an_outer_flow())
        together.wait(timeout=30)
        while scalar(session, "select exists (select 1 from pgflow.runs where status = 'started')"):
            sweep(session)
            tasks = claim(session, mine, 7)
            complete(session, tasks, [task.args.get("text") for task in tasks])

    list(pool.map(work, [connect() for _ in range(4)]))
    for run_id in run_ids:
        assert get_step(conn, run_id, "called")["result"] == items
    assert scalar(conn, "select count(*) from pgflow.runs") == 10 * 101
