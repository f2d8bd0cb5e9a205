"""A run may begin later, and must end by its deadline."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_diamond,
    a_flow,
    claim,
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
from tests.support.waiting import a_signal

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def start_at(conn: Conn, at: datetime, flow: str = "voice_memo") -> UUID:
    run_id: UUID = scalar(
        conn,
        "select pgflow.start_flow(%s, %s, p_start_at => %s)",
        [flow, Jsonb({"owner_id": "ada"}), at],
    )
    return run_id


def sweep_at(conn: Conn, set_clock: SetClock, at: datetime, worker_id: UUID) -> int:
    """Let the time be *at* and sweep; return how many timers fired."""
    set_clock(conn, at)
    conn.execute("select pgflow.beat(%s)", [worker_id])
    fired: int = scalar(conn, "select fired from pgflow.sweep()")
    return fired


def test_run_begins_at_its_time_and_not_before(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    run_id = start_at(tx, NOON + timedelta(hours=2))
    assert get_run(tx, run_id)["status"] == "started"
    assert get_step(tx, run_id, "transcribe")["status"] == "created"
    assert sweep_at(tx, set_clock, NOON + timedelta(hours=1), worker_id) == 0
    assert claim(tx, worker_id) == []
    assert sweep_at(tx, set_clock, NOON + timedelta(hours=2), worker_id) == 1
    assert work_off(tx, worker_id) == 4
    assert get_run(tx, run_id)["status"] == "completed"


def test_time_that_is_past_is_now(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    start_at(tx, NOON - timedelta(days=1))
    assert len(claim(tx, worker_id)) == 1


def test_run_that_has_not_begun_can_be_cancelled(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    run_id = start_at(tx, NOON + timedelta(hours=2))
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert sweep_at(tx, set_clock, NOON + timedelta(hours=3), worker_id) == 0
    assert get_run(tx, run_id)["status"] == "cancelled"


def with_deadline(seconds: float) -> FlowOptions:
    return FlowOptions(jitter=0, deadline_seconds=seconds)


def test_run_that_is_late_fails_and_its_handlers_are_told(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_diamond(options=with_deadline(60))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx)
    tasks = claim(tx, worker_id, lease_seconds=600)
    assert sweep_at(tx, set_clock, NOON + timedelta(seconds=59), worker_id) == 0
    assert sweep_at(tx, set_clock, NOON + timedelta(seconds=60), worker_id) == 1
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "PF620")
    assert extend(tx, tasks) == [None]


def test_deadline_counts_from_when_the_run_begins(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_flow("asked", a_signal("answer"), options=with_deadline(60))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_at(tx, NOON + timedelta(hours=1), "asked")
    begun = NOON + timedelta(hours=1, seconds=5)
    sweep_at(tx, set_clock, begun, worker_id)
    assert sweep_at(tx, set_clock, begun + timedelta(seconds=59), worker_id) == 0
    sweep_at(tx, set_clock, begun + timedelta(seconds=60), worker_id)
    assert get_run(tx, run_id)["status"] == "failed"


def test_run_in_time_is_not_touched_by_its_deadline(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_diamond(options=with_deadline(60))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx)
    work_off(tx, worker_id)
    assert get_run(tx, run_id)["status"] == "completed"
    assert scalar(tx, "select count(*) from pgflow.timers") == 0
    assert sweep_at(tx, set_clock, NOON + timedelta(seconds=60), worker_id) == 0
    assert get_run(tx, run_id)["status"] == "completed"


def test_deadline_is_an_option_and_changes_in_place(tx: Conn) -> None:
    deploy(tx, a_diamond(options=with_deadline(60)))
    [(_, version, outcome)] = deploy(tx, a_diamond(options=with_deadline(90)))
    assert (version, outcome) == (1, "options_changed")
