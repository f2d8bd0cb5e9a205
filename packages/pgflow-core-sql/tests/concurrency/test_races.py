"""Two sessions want the same thing; one gets it, and the other is told the truth."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    a_flow,
    a_step,
    attempts,
    claim,
    column,
    complete,
    deploy,
    extend,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid, wait_until_blocked

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]
CANCEL = "select pgflow.cancel_run(%s)"


def test_four_sessions_claim_every_task_once(
    conn: Conn, connect: Connect, pool: ThreadPoolExecutor
) -> None:
    deploy(conn, a_diamond())
    conn.execute("select pgflow.start_flows('voice_memo', array_fill('{}'::jsonb, array[200]))")
    together = threading.Barrier(4)

    def work(session: Conn) -> list[Any]:
        worker_id = register_worker(session, a_diamond())
        together.wait(timeout=30)
        claimed = []
        while tasks := claim(session, worker_id, 7):
            claimed += [task.run_id for task in tasks]
        return claimed

    counts = Counter(
        run_id for claimed in pool.map(work, [connect() for _ in range(4)]) for run_id in claimed
    )
    assert len(counts) == 200
    assert set(counts.values()) == {1}


def test_claim_that_is_under_way_does_not_outlive_a_cancel(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    """The cancel waits for the claim and then takes the new lease away."""
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    run_id = start_run(conn)
    one, two = connect(), connect()
    with one.transaction():
        tasks = claim(one, worker_id)
        cancel = begin(two, lambda session: scalar(session, CANCEL, [run_id]))
        wait_until_blocked(conn, backend_pid(two))
    assert cancel.result(timeout=10) == "cancelled"
    assert scalar(conn, "select count(*) from pgflow.leases") == 0
    assert complete(conn, tasks) == ["stale"]


def test_claim_that_is_under_way_does_not_outlive_the_goodbye_of_its_worker(
    conn: Conn, connect: Connect
) -> None:
    """The goodbye does not wait for it; the next sweep gives it back, uncounted."""
    deploy(conn, a_diamond(options=FlowOptions(max_attempts=1)))
    worker_id = register_worker(conn, a_diamond())
    run_id = start_run(conn)
    one, two = connect(), connect()
    with one.transaction():
        assert len(claim(one, worker_id, 1)) == 1
        scalar(two, "select pgflow.stop_worker(%s)", [worker_id])
    assert scalar(conn, "select count(*) from pgflow.leases") == 1
    assert scalar(two, "select expired from pgflow.sweep()") == 0
    assert attempts(conn, run_id) == [("transcribe", 1, "released")]
    [task] = claim(conn, register_worker(conn, a_diamond()))
    assert task.attempt == 1
    assert complete(conn, [task]) == ["completed"]


def test_sweep_leaves_what_a_stopped_worker_holds_of_a_locked_run(
    conn: Conn, connect: Connect
) -> None:
    _, task = a_claimed_task(conn)
    conn.execute("update pgflow.workers set status = 'stopped', ended_at = now()")
    one, two = connect(), connect()
    with one.transaction():
        assert extend(one, [task])[0] is not None
        scalar(two, "select expired from pgflow.sweep()")
        assert scalar(conn, "select count(*) from pgflow.leases") == 1
    scalar(two, "select expired from pgflow.sweep()")
    assert scalar(conn, "select count(*) from pgflow.leases") == 0


def test_claim_does_not_wait_for_a_cancel(conn: Conn, connect: Connect) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    run_id, other = start_run(conn), start_run(conn)
    one, two = connect(), connect()
    two.execute("set lock_timeout = '1s'")
    with one.transaction():
        scalar(one, CANCEL, [run_id])
        assert [task.run_id for task in claim(two, worker_id)] == [other]
    assert get_run(conn, run_id)["status"] == "cancelled"


def test_extension_that_comes_first_saves_the_lease_from_the_sweep(
    conn: Conn, connect: Connect
) -> None:
    """The sweep does not even wait for it."""
    _, task = a_claimed_task(conn)
    conn.execute("update pgflow.leases set leased_until = now() - interval '1 s'")
    one, two = connect(), connect()
    with one.transaction():
        assert extend(one, [task])[0] is not None
        assert scalar(two, "select expired from pgflow.sweep()") == 0
    assert scalar(two, "select expired from pgflow.sweep()") == 0
    assert complete(conn, [task]) == ["completed"]


def test_extension_that_comes_second_learns_that_the_lease_expired(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    _, task = a_claimed_task(conn)
    conn.execute("update pgflow.leases set leased_until = now() - interval '1 s'")
    one, two = connect(), connect()
    with one.transaction():
        assert scalar(one, "select expired from pgflow.sweep()") == 1
        extension = begin(two, lambda session: extend(session, [task]))
        wait_until_blocked(conn, backend_pid(two))
    assert extension.result(timeout=10) == [None]


def test_beat_during_a_sweep_saves_the_worker(conn: Conn, connect: Connect, begin: Begin) -> None:
    worker_id = register_worker(conn)
    conn.execute("update pgflow.workers set last_beat_at = now() - interval '1 h'")
    one, two = connect(), connect()
    with one.transaction():
        one.execute("select pgflow.beat(%s)", [worker_id])
        sweep = begin(
            two, lambda session: scalar(session, "select dead_workers from pgflow.sweep()")
        )
        wait_until_blocked(conn, backend_pid(two))
    assert sweep.result(timeout=10) == 0
    assert scalar(conn, "select status from pgflow.workers") == "running"


def test_one_run_id_in_two_sessions_is_one_run(conn: Conn, connect: Connect, begin: Begin) -> None:
    deploy(conn, a_diamond())
    start = "select pgflow.start_flow('voice_memo', '{}', '00000000-0000-7000-8000-000000000001')"
    one, two = connect(), connect()
    with one.transaction():
        scalar(one, start)
        second = begin(two, lambda session: scalar(session, start))
        wait_until_blocked(conn, backend_pid(two))
    with pytest.raises(psycopg.Error) as caught:
        second.result(timeout=10)
    assert caught.value.sqlstate == "PF303"
    assert scalar(conn, "select count(*) from pgflow.tasks") == 1


def test_concurrent_deployments_of_one_change_make_one_version(
    conn: Conn, connect: Connect, begin: Begin
) -> None:
    deploy(conn, a_flow("f", a_step("a")))
    new = a_flow("f", a_step("a"), a_step("b", "a"))
    one, two = connect(), connect()
    with one.transaction():
        assert deploy(one, new) == [("f", 2, "new_version")]
        second = begin(two, lambda session: deploy(session, new))
        wait_until_blocked(conn, backend_pid(two))
    assert second.result(timeout=10) == [("f", 2, "unchanged")]


def test_concurrent_deployments_of_different_flows_never_deadlock(
    conn: Conn, connect: Connect, pool: ThreadPoolExecutor
) -> None:
    together = threading.Barrier(4)

    def deploy_all(number: int) -> None:
        session = connect_in_order[number]
        together.wait(timeout=30)
        for round_ in range(3):
            deploy(
                session,
                *(a_flow(f"f{n}", a_step(f"s{number}_{round_}")) for n in range(4)),
            )

    connect_in_order = [connect() for _ in range(4)]
    list(pool.map(deploy_all, range(4)))
    versions = column(conn, "select count(*) from pgflow.flow_versions group by flow_slug")
    assert versions == [12] * 4


def test_run_started_during_a_deployment_has_one_version_or_the_other(
    conn: Conn, connect: Connect
) -> None:
    deploy(conn, a_flow("f", a_step("a")))
    other = connect()
    with other.transaction():
        deploy(other, a_flow("f", a_step("b")))
        early = start_run(conn, "f")
    late = start_run(conn, "f")
    assert [get_run(conn, run)["version"] for run in (early, late)] == [1, 2]
