"""beat: a worker that says that it lives is not taken for dead."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from tests.support.builders import a_diamond, deploy, register_worker, scalar
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_beating_worker_stays_alive(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond(), beat_seconds=10)
    for seconds in (25, 50, 75):
        set_clock(tx, NOON + timedelta(seconds=seconds))
        tx.execute("select pgflow.beat(%s)", [worker_id])
        assert scalar(tx, "select dead_workers from pgflow.sweep()") == 0
    assert scalar(tx, "select last_beat_at from pgflow.workers") == NOON + timedelta(seconds=75)


def test_unknown_worker_is_refused(tx: Conn) -> None:
    worker_id = uuid4()
    with refused(tx, "PF104") as refusal:
        tx.execute("select pgflow.beat(%s)", [worker_id])
    assert refusal.details == {"worker_id": str(worker_id)}


def test_stopped_worker_is_refused(tx: Conn) -> None:
    worker_id = register_worker(tx)
    tx.execute("select pgflow.stop_worker(%s)", [worker_id])
    with refused(tx, "PF104"):
        tx.execute("select pgflow.beat(%s)", [worker_id])


def test_worker_declared_dead_is_refused(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id = register_worker(tx)
    set_clock(tx, NOON + timedelta(minutes=1))
    tx.execute("select pgflow.sweep()")
    with refused(tx, "PF104"):
        tx.execute("select pgflow.beat(%s)", [worker_id])
