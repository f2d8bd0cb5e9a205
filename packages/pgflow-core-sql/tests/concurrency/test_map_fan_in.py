"""The last item completes a map step, once, whatever the interleaving of reports and claims."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    Claimed,
    a_mapped_list,
    a_started_map,
    claim,
    claim_in_order,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid, wait_until_blocked

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]


def two_items_held(conn: Conn) -> tuple[UUID, Claimed, Claimed]:
    """Return a worker and the two items that a map still waits for."""
    worker_id, _ = a_started_map(conn, ["a", "b", "c"])
    one, two, done = claim_in_order(conn, worker_id)
    complete(conn, [done], ["C"])
    return worker_id, one, two


@pytest.mark.parametrize("swapped", [False, True], ids=["one commits first", "other commits first"])
def test_two_sessions_with_the_last_two_items_complete_the_step_once(
    conn: Conn, connect: Connect, begin: Begin, swapped: bool
) -> None:
    worker_id, *tasks = two_items_held(conn)
    earlier, later = tasks[::-1] if swapped else tasks
    one, two = connect(), connect()
    with one.transaction():
        complete(one, [earlier], [earlier.args["item"].upper()])
        second = begin(
            two, lambda session: complete(session, [later], [later.args["item"].upper()])
        )
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]
    assert get_step(conn, earlier.run_id, "double")["result"] == ["A", "B", "C"]
    assert [task.step_slug for task in claim(conn, worker_id)] == ["total"]
    assert claim(conn, worker_id) == []


def test_step_does_not_complete_when_one_of_the_two_rolls_back(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    worker_id, earlier, later = two_items_held(conn)
    one, two = connect(), connect()
    with one.transaction(force_rollback=True):
        complete(one, [earlier], ["A"])
        second = begin(two, lambda session: complete(session, [later], ["B"]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["completed"]
    assert claim(conn, worker_id) == []
    assert complete(conn, [earlier], ["A"]) == ["completed"]
    assert [task.step_slug for task in claim(conn, worker_id)] == ["total"]


def test_item_that_is_being_claimed_is_not_overlooked(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    """The claim takes no lock of the run, so a report of the rest does not wait for it."""
    worker_id, one_item, other = two_items_held(conn)
    release(conn, [other])
    one, two = connect(), connect()
    with one.transaction():
        [claimed] = claim(one, worker_id)
        assert begin(two, lambda session: complete(session, [one_item], ["A"])).result(
            timeout=10
        ) == ["completed"]
        assert get_step(conn, other.run_id, "double")["status"] == "started"
    assert complete(conn, [claimed], ["B"]) == ["completed"]
    assert get_step(conn, other.run_id, "double")["result"] == ["A", "B", "C"]


def test_completion_of_an_item_that_waits_for_the_failure_of_another_is_stale(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    _, failing, other = two_items_held(conn)
    one, two = connect(), connect()
    with one.transaction():
        fail(one, [failing], retryable=False)
        second = begin(two, lambda session: complete(session, [other], ["B"]))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == ["stale"]
    assert get_run(conn, failing.run_id)["error"]["task_index"] == 0


def test_cancel_waits_for_a_claim_of_items_under_way_and_takes_them_too(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    worker_id, run_id = a_started_map(conn, [1, 2, 3])
    one, two = connect(), connect()
    with one.transaction():
        tasks = claim_in_order(one, worker_id, 2)
        cancelled = begin(
            two, lambda session: scalar(session, "select pgflow.cancel_run(%s)", [run_id])
        )
        wait_until_blocked(conn, backend_pid(two))
    assert cancelled.result(timeout=10) == "cancelled"
    assert complete(conn, tasks, [1, 2]) == ["stale"] * 2
    assert scalar(conn, "select count(*) from pgflow.leases") == 0
    assert scalar(conn, "select count(*) from pgflow.map_items") == 0


@pytest.mark.stress
def test_four_sessions_work_off_twenty_maps_and_every_item_completes_once(
    conn: Conn, connect: Connect, pool: ThreadPoolExecutor
) -> None:
    deploy(conn, a_mapped_list())
    worker_id = register_worker(conn, a_mapped_list())
    run_ids = [start_run(conn, "mapped", {}) for _ in range(20)]
    complete(conn, claim(conn, worker_id), [list(range(100))] * 20)
    together = threading.Barrier(4)

    def work(session: Conn) -> Counter[str]:
        session.execute("set lock_timeout = '20s'")
        mine = register_worker(session, a_mapped_list())
        outcomes: Counter[str] = Counter()
        together.wait(timeout=30)
        while scalar(session, "select exists (select 1 from pgflow.runs where status = 'started')"):
            tasks = claim(session, mine, 30)
            outcomes.update(complete(session, tasks, [t.args.get("item") for t in tasks]))
        return outcomes

    outcomes: Counter[str] = Counter()
    for part in pool.map(work, [connect() for _ in range(4)]):
        outcomes += part
    assert outcomes == {"completed": 20 * 101}
    for run_id in run_ids:
        assert get_step(conn, run_id, "double")["result"] == list(range(100))
