"""sweep: what a dead worker held runs elsewhere, and no run waits for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    attempts,
    claim,
    complete,
    deploy,
    extend,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
    work_off,
)
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def sweep(conn: Conn, limit: int = 1000) -> tuple[int, int]:
    """Sweep; return how many leases expired and how many workers died."""
    [(expired, dead)] = conn.execute(
        "select expired, dead_workers from pgflow.sweep(%s)", [limit]
    ).fetchall()
    return expired, dead


def test_overdue_lease_expires_and_the_task_runs_elsewhere_at_once(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(seconds=31))
    other = register_worker(tx, a_diamond())
    assert sweep(tx) == (1, 1)
    [again] = claim(tx, other)
    assert (again.run_id, again.attempt) == (task.run_id, 2)
    assert complete(tx, [task]) == ["stale"]
    assert complete(tx, [again]) == ["completed"]
    assert attempts(tx, task.run_id) == [
        ("transcribe", 1, "expired"),
        ("transcribe", 2, "completed"),
    ]


def test_lease_is_kept_until_its_last_moment(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, _ = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(seconds=30))
    assert sweep(tx) == (0, 0)
    set_clock(tx, NOON + timedelta(seconds=30.001))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    assert sweep(tx) == (1, 0)


def test_error_of_an_expired_attempt_names_the_worker(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(minutes=1))
    sweep(tx)
    error = get_step(tx, task.run_id, "transcribe")["error"]
    assert (error["code"], error["type"]) == ("PF604", "LeaseExpiredError")
    assert "tester" in error["message"]


def test_task_that_always_expires_fails_its_run_in_the_end(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_diamond(options=FlowOptions(max_attempts=3, jitter=0))
    worker_id, task = a_claimed_task(tx, flow)
    now = NOON
    for attempt in (2, 3):
        now += timedelta(seconds=31)
        set_clock(tx, now)
        tx.execute("select pgflow.beat(%s)", [worker_id])
        assert sweep(tx) == (1, 0)
        assert [task.attempt for task in claim(tx, worker_id)] == [attempt]
    set_clock(tx, now + timedelta(seconds=31))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    assert sweep(tx) == (1, 0)
    run = get_run(tx, task.run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "PF604")
    assert [outcome for _, _, outcome in attempts(tx, task.run_id)] == ["expired"] * 3


def test_silent_worker_is_dead_after_three_beats_and_its_leases_with_it(
    tx: Conn, set_clock: SetClock
) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond(), beat_seconds=10)
    run_id = start_run(tx)
    claim(tx, worker_id, lease_seconds=3600)
    set_clock(tx, NOON + timedelta(seconds=30))
    assert sweep(tx) == (0, 0)
    set_clock(tx, NOON + timedelta(seconds=30.001))
    assert sweep(tx) == (1, 1)
    assert attempts(tx, run_id) == [("transcribe", 1, "expired")]
    row = tx.execute("select status, idle, ended_at is not null from pgflow.workers").fetchone()
    assert row == ("dead", False, True)
    assert sweep(tx) == (0, 0)


def test_worker_with_slow_beats_is_given_three_of_its_own(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    register_worker(tx, beat_seconds=60)
    set_clock(tx, NOON + timedelta(seconds=170))
    assert sweep(tx) == (0, 0)
    set_clock(tx, NOON + timedelta(seconds=181))
    assert sweep(tx) == (0, 1)


def test_stopped_worker_does_not_die(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id = register_worker(tx)
    tx.execute("select pgflow.stop_worker(%s)", [worker_id])
    set_clock(tx, NOON + timedelta(hours=1))
    assert sweep(tx) == (0, 0)


def test_limit_leaves_the_rest_to_the_next_sweep(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond())
    for _ in range(5):
        start_run(tx)
    claim(tx, worker_id)
    set_clock(tx, NOON + timedelta(minutes=1))
    assert [sweep(tx, 2)[0] for _ in range(4)] == [2, 2, 1, 0]


def test_dead_workers_runs_complete_elsewhere(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    dying = register_worker(tx, a_diamond())
    runs = [start_run(tx) for _ in range(20)]
    complete(tx, claim(tx, dying))
    claim(tx, dying, 25)
    set_clock(tx, NOON + timedelta(minutes=1))
    living = register_worker(tx, a_diamond())
    assert sweep(tx) == (25, 1)
    work_off(tx, living)
    assert {get_run(tx, run_id)["status"] for run_id in runs} == {"completed"}


def test_extension_that_came_first_wins(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(seconds=40))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    extend(tx, [task])
    assert sweep(tx) == (0, 0)


def test_watches_that_are_over_are_forgotten(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    for seconds in (5, 60):
        tx.execute("select pgflow.watch_run(%s, %s)", [start_run(tx), seconds])
    set_clock(tx, NOON + timedelta(seconds=30))
    sweep(tx)
    assert scalar(tx, "select count(*) from pgflow.watches") == 1


def test_second_sweep_at_the_same_moment_returns_at_once(conn: Conn, connect: Connect) -> None:
    a_claimed_task(conn)
    conn.execute("update pgflow.leases set leased_until = leased_until - interval '1 day'")
    other = connect()
    with other.transaction():
        assert sweep(other) == (1, 0)
        conn.execute("set lock_timeout = '5s'")
        assert sweep(conn) == (0, 0)
    assert sweep(conn) == (0, 0)


def test_run_that_somebody_holds_locked_keeps_no_other_from_its_end(
    conn: Conn, connect: Connect, set_clock: SetClock
) -> None:
    deploy(conn, a_diamond())
    set_clock(conn, NOON)
    worker_id = register_worker(conn, a_diamond())
    for _ in range(3):
        start_run(conn)
    held = claim(conn, worker_id)[0]
    set_clock(conn, NOON + timedelta(minutes=1))
    conn.execute("set lock_timeout = '2s'")
    with connect() as holder, holder.transaction():
        holder.execute("select 1 from pgflow.runs where run_id = %s for update", [held.run_id])
        assert sweep(conn, 2) == (2, 1)
        assert sweep(conn) == (0, 0)
    assert sweep(conn) == (1, 0)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_frozen_snapshot_is_refused(conn: Conn, level: str) -> None:
    with refused(conn, "PF503"):
        conn.execute(f"set transaction isolation level {level}".encode())
        sweep(conn)
