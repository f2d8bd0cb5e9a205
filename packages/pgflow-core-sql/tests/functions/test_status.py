"""status: what there is to do, who does it, and what nobody can do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from tests.support.builders import (
    a_diamond,
    a_flow,
    a_step,
    claim,
    deploy,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def status(conn: Conn) -> dict[str, Any]:
    document: dict[str, Any] = scalar(conn, "select pgflow.status()")
    return document


def test_empty_database_has_empty_lists(tx: Conn) -> None:
    version = scalar(tx, "select pgflow.schema_version()")
    assert status(tx) == {"schema_version": version, "flows": [], "workers": [], "unserved": []}


def test_flows_tell_waiting_and_leased_tasks(tx: Conn) -> None:
    deploy(tx, a_diamond(), a_flow("quiet", a_step("a")))
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    claim(tx, worker_id, 1)
    assert status(tx)["flows"] == [
        {"slug": "quiet", "version": 1, "waiting": 0, "leased": 0},
        {"slug": "voice_memo", "version": 1, "waiting": 2, "leased": 1},
    ]


def test_workers_tell_their_state_and_their_leases(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond(), name="one")
    stopped = register_worker(tx, name="two")
    tx.execute("select pgflow.stop_worker(%s)", [stopped])
    start_run(tx)
    claim(tx, worker_id)
    beat = "2026-01-31T12:00:00+00:00"
    assert status(tx)["workers"] == [
        {
            "worker_id": str(worker_id),
            "name": "one",
            "status": "running",
            "last_beat_at": beat,
            "leased": 1,
        },
        {
            "worker_id": str(stopped),
            "name": "two",
            "status": "stopped",
            "last_beat_at": beat,
            "leased": 0,
        },
    ]
    set_clock(tx, NOON + timedelta(minutes=61))
    assert [worker["name"] for worker in status(tx)["workers"]] == ["one"]


def test_steps_that_no_running_worker_can_serve_are_named(tx: Conn) -> None:
    old = a_flow("f", a_step("a"))
    deploy(tx, old)
    old_worker = register_worker(tx, old)
    start_run(tx, "f")
    start_run(tx, "f")
    assert status(tx)["unserved"] == []
    new = a_flow("f", a_step("a", result_schema={"type": "null"}))
    deploy(tx, new)
    register_worker(tx, new)
    tx.execute("select pgflow.stop_worker(%s)", [old_worker])
    [unserved] = status(tx)["unserved"]
    oldest = scalar(tx, "select to_jsonb(min(started_at)) from pgflow.runs")
    assert unserved == {
        "flow_slug": "f",
        "version": 1,
        "step_slug": "a",
        "runs": 2,
        "oldest_started_at": oldest,
    }


def test_a_worker_that_went_silent_serves_nothing(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    register_worker(tx, a_diamond(), beat_seconds=1)
    start_run(tx)
    assert status(tx)["unserved"] == []
    set_clock(tx, NOON + timedelta(seconds=4))
    assert [each["step_slug"] for each in status(tx)["unserved"]] == ["transcribe"]
