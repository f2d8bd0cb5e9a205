"""watch_run and the notifications: clients hear of runs they watch, idle workers of new work."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.support.builders import (
    a_diamond,
    claim,
    complete,
    deploy,
    exchange,
    fail,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def listener(connect: Connect) -> Conn:
    return connect()


def listen(listener: Conn, channel: str) -> None:
    listener.execute(f"listen {channel}".encode())


def heard(listener: Conn, conn: Conn) -> list[tuple[str, str]]:
    """Return what *listener* was told of all that *conn* has committed so far."""
    # A notification of our own comes after all earlier ones: no waiting for silence.
    end = uuid4().hex
    listener.execute("listen pgflow_test_end")
    conn.execute("select pg_notify('pgflow_test_end', %s)", [end])
    found: list[tuple[str, str]] = []
    for notify in listener.notifies(timeout=10):
        if notify.payload == end:
            return found
        found.append((notify.channel, notify.payload))
    pytest.fail("the notifications did not come")


def watched(conn: Conn, listener: Conn, run_id: UUID, seconds: float = 60) -> str:
    channel: str = scalar(conn, "select pgflow.watch_run(%s, %s)", [run_id, seconds])
    listen(listener, channel)
    return channel


def test_channel_is_named_after_the_run(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    assert scalar(tx, "select pgflow.watch_run(%s)", [run_id]) == f"pgflow_run_{run_id.hex}"


def test_every_change_of_a_watched_run_is_told(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    channel = watched(conn, listener, start_run(conn))
    [task] = claim(conn, worker_id)
    fail(conn, [task], retry_after=0)
    assert heard(listener, conn) == [(channel, "")]
    release(conn, claim(conn, worker_id))
    assert heard(listener, conn) == [(channel, "")]
    complete(conn, claim(conn, worker_id))
    assert heard(listener, conn) == [(channel, "")]
    conn.execute("select pgflow.cancel_run(%s)", [task.run_id])
    assert heard(listener, conn) == [(channel, "")]


def test_expiry_and_final_failure_are_told(conn: Conn, listener: Conn, set_clock: SetClock) -> None:
    deploy(conn, a_diamond())
    set_clock(conn, NOON)
    worker_id = register_worker(conn, a_diamond(), beat_seconds=60)
    channel = watched(conn, listener, start_run(conn), 600)
    claim(conn, worker_id)
    set_clock(conn, NOON + timedelta(seconds=40))
    conn.execute("select pgflow.sweep()")
    assert heard(listener, conn) == [(channel, "")]
    fail(conn, claim(conn, worker_id), retryable=False)
    assert heard(listener, conn) == [(channel, "")]


def test_run_that_nobody_watches_is_not_told(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    watched_run, other = start_run(conn), start_run(conn)
    channel = watched(conn, listener, watched_run)
    listen(listener, f"pgflow_run_{other.hex}")
    complete(conn, claim(conn, worker_id))
    assert heard(listener, conn) == [(channel, "")]


def test_watch_ends_after_its_time_unless_asked_for_again(
    conn: Conn, listener: Conn, set_clock: SetClock
) -> None:
    deploy(conn, a_diamond())
    set_clock(conn, NOON)
    worker_id = register_worker(conn, a_diamond())
    run_id = start_run(conn)
    channel = watched(conn, listener, run_id, 10)
    set_clock(conn, NOON + timedelta(seconds=11))
    complete(conn, claim(conn, worker_id))
    assert heard(listener, conn) == []
    scalar(conn, "select pgflow.watch_run(%s, 10)", [run_id])
    complete(conn, claim(conn, worker_id))
    assert heard(listener, conn) == [(channel, "")]


def test_shorter_watch_does_not_cut_a_longer_one(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    for seconds in (600, 5):
        tx.execute("select pgflow.watch_run(%s, %s)", [run_id, seconds])
    until = scalar(tx, "select watched_until from pgflow.watches")
    assert until == NOON + timedelta(seconds=600)


def test_nothing_is_told_of_what_was_rolled_back(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    watched(conn, listener, start_run(conn))
    tasks = claim(conn, worker_id)
    with conn.transaction(force_rollback=True):
        complete(conn, tasks)
    assert heard(listener, conn) == []


def test_unknown_run_is_refused(tx: Conn) -> None:
    run_id = uuid4()
    with refused(tx, "PF102") as refusal:
        tx.execute("select pgflow.watch_run(%s)", [run_id])
    assert refusal.details == {"run_id": str(run_id)}


@pytest.mark.parametrize("seconds", [0, 3601, -1, None, "NaN"])
def test_duration_out_of_range_is_refused(tx: Conn, seconds: Any) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    with refused(tx, "PF203"):
        tx.execute("select pgflow.watch_run(%s, %s)", [run_id, seconds])


def test_idle_worker_is_woken_by_a_new_run_and_a_busy_one_is_not(
    conn: Conn, listener: Conn
) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    listen(listener, "pgflow_work")
    start_run(conn)
    assert heard(listener, conn) == []
    assert len(claim(conn, worker_id)) == 1  # less than the limit: idle from now on
    start_run(conn)
    assert heard(listener, conn) == [("pgflow_work", "")]


def test_idle_worker_without_the_handler_is_not_woken(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond(), a_diamond("other"))
    claim(conn, register_worker(conn, a_diamond("other")))
    listen(listener, "pgflow_work")
    start_run(conn)
    assert heard(listener, conn) == []


def test_stopped_worker_is_not_woken(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    claim(conn, worker_id)
    conn.execute("select pgflow.stop_worker(%s)", [worker_id])
    listen(listener, "pgflow_work")
    start_run(conn)
    assert heard(listener, conn) == []


def test_many_runs_in_one_transaction_wake_once(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    claim(conn, register_worker(conn, a_diamond()))
    listen(listener, "pgflow_work")
    conn.execute("select pgflow.start_flows('voice_memo', array_fill('{}'::jsonb, array[50]))")
    assert heard(listener, conn) == [("pgflow_work", "")]


@pytest.mark.parametrize("how", ["release", "immediate retry", "expiry"])
def test_task_that_comes_back_wakes_an_idle_worker(
    conn: Conn, listener: Conn, set_clock: SetClock, how: str
) -> None:
    deploy(conn, a_diamond())
    set_clock(conn, NOON)
    worker_id = register_worker(conn, a_diamond(), beat_seconds=600)
    start_run(conn)
    tasks = claim(conn, worker_id)
    listen(listener, "pgflow_work")
    match how:
        case "release":
            release(conn, tasks)
        case "immediate retry":
            fail(conn, tasks, retry_after=0)
        case _:
            set_clock(conn, NOON + timedelta(minutes=1))
            conn.execute("select pgflow.sweep()")
    assert heard(listener, conn) == [("pgflow_work", "")]


def test_retry_that_waits_wakes_nobody(conn: Conn, listener: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    start_run(conn)
    tasks = claim(conn, worker_id)
    listen(listener, "pgflow_work")
    fail(conn, tasks, retry_after=60)
    assert heard(listener, conn) == []


@pytest.mark.parametrize(("limit", "told"), [(1, [("pgflow_work", "")]), (2, []), (3, [])])
def test_worker_that_exchanges_wakes_others_only_for_what_it_leaves(
    conn: Conn, listener: Conn, limit: int, told: list[tuple[str, str]]
) -> None:
    deploy(conn, a_diamond())
    claim(conn, register_worker(conn, a_diamond()))
    busy = register_worker(conn, a_diamond())
    start_run(conn)
    tasks = claim(conn, busy, 1)
    listen(listener, "pgflow_work")
    exchange(conn, busy, tasks, limit)
    assert heard(listener, conn) == told


def test_worker_that_cannot_run_what_follows_wakes_one_that_can(conn: Conn, listener: Conn) -> None:
    flow = a_diamond()
    deploy(conn, flow)
    claim(conn, register_worker(conn, flow))
    first_only = flow.model_copy(update={"steps": flow.steps[:1]})
    specialist = register_worker(conn, first_only)
    start_run(conn)
    tasks = claim(conn, specialist, 1)
    listen(listener, "pgflow_work")
    exchange(conn, specialist, tasks, 100)
    assert heard(listener, conn) == [("pgflow_work", "")]
