"""extend_leases: a worker keeps what it has, and learns what it has lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    claim,
    complete,
    deploy,
    extend,
    fail,
    keys,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SWEEP = "select expired from pgflow.sweep()"


def test_lease_lasts_from_now(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(seconds=20))
    assert extend(tx, [task], 45) == [NOON + timedelta(seconds=65)]


def test_extended_lease_does_not_expire(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(seconds=29))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    extend(tx, [task])
    set_clock(tx, NOON + timedelta(seconds=58))
    assert scalar(tx, SWEEP) == 0
    assert complete(tx, [task]) == ["completed"]


def test_overdue_lease_that_nobody_expired_can_be_extended(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, task = a_claimed_task(tx)
    set_clock(tx, NOON + timedelta(minutes=5))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    assert extend(tx, [task]) == [NOON + timedelta(minutes=5, seconds=30)]
    assert scalar(tx, SWEEP) == 0


@pytest.mark.parametrize("how", ["completed", "failed", "released", "claimed again", "cancelled"])
def test_lost_lease_is_answered_with_null(tx: Conn, how: str) -> None:
    worker_id, task = a_claimed_task(tx)
    match how:
        case "completed":
            complete(tx, [task])
        case "failed":
            fail(tx, [task])
        case "cancelled":
            tx.execute("select pgflow.cancel_run(%s)", [task.run_id])
        case _:
            release(tx, [task])
    if how == "claimed again":
        claim(tx, worker_id)
    assert extend(tx, [task]) == [None]


def test_batch_answers_per_task(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    first, lost, last = claim(tx, worker_id)
    release(tx, [lost])
    assert [end is None for end in extend(tx, [first, lost, last])] == [False, True, False]


@pytest.mark.parametrize("seconds", [0, -1, 86_401, None, "NaN"])
def test_lease_out_of_range_is_refused(tx: Conn, seconds: Any) -> None:
    _, task = a_claimed_task(tx)
    with refused(tx, "PF203"):
        extend(tx, [task], seconds)


def test_arrays_that_do_not_fit_are_refused(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    batch = keys([task])
    batch[2] = [None]
    with refused(tx, "PF209"):
        tx.execute(
            "select pgflow.extend_leases(%s::uuid[], %s::text[], %s::int[], %s::uuid[])", batch
        )


def test_frozen_snapshot_is_refused(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level repeatable read")
        extend(conn, [task])
