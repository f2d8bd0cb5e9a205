"""cancel_run: a run ends now, and nothing of it is ever worked on again."""

from typing import Any
from uuid import uuid4

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
    fail,
    get_run,
    register_worker,
    release,
    scalar,
    start_run,
    work_off,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
CANCEL = "select pgflow.cancel_run(%s)"


def test_run_and_its_steps_are_cancelled_and_the_queue_is_empty(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    claim(tx, worker_id, 1)
    assert scalar(tx, CANCEL, [task.run_id]) == "cancelled"
    run = get_run(tx, task.run_id)
    assert run["status"] == "cancelled"
    assert run["ended_at"] is not None
    assert run["output"] is None
    statuses = [step["status"] for step in run["steps"]]
    assert statuses == ["completed", "cancelled", "cancelled", "cancelled"]
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert scalar(tx, "select count(*) from pgflow.leases") == 0


def test_reason_is_kept(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    tx.execute("select pgflow.cancel_run(%s, 'not needed any more')", [run_id])
    assert get_run(tx, run_id)["error"] == {
        "message": "cancelled",
        "reason": "not needed any more",
    }


def test_running_handler_learns_of_it_and_its_report_is_stale(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    scalar(tx, CANCEL, [task.run_id])
    assert extend(tx, [task]) == [None]
    assert complete(tx, [task]) == ["stale"]
    assert fail(tx, [task]) == ["stale"]
    assert release(tx, [task]) == ["stale"]
    assert attempts(tx, task.run_id) == [("transcribe", 1, "cancelled")]
    assert get_run(tx, task.run_id)["status"] == "cancelled"


def test_waiting_retry_is_never_claimed(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    fail(tx, [task], retry_after=0)
    scalar(tx, CANCEL, [task.run_id])
    assert claim(tx, worker_id) == []


def test_cancelling_twice_is_answered_the_same_and_keeps_the_first_reason(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    tx.execute("select pgflow.cancel_run(%s, 'first')", [run_id])
    before = get_run(tx, run_id)
    assert scalar(tx, "select pgflow.cancel_run(%s, 'second')", [run_id]) == "cancelled"
    assert get_run(tx, run_id) == before


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_ended_run_cannot_be_cancelled(tx: Conn, status: str) -> None:
    worker_id, task = a_claimed_task(tx)
    if status == "failed":
        fail(tx, [task], retryable=False)
    else:
        complete(tx, [task])
        work_off(tx, worker_id)
    before = get_run(tx, task.run_id)
    with refused(tx, "PF302") as refusal:
        scalar(tx, CANCEL, [task.run_id])
    assert refusal.details == {"run_id": str(task.run_id), "status": status}
    assert get_run(tx, task.run_id) == before


def test_unknown_run_is_refused(tx: Conn) -> None:
    run_id = uuid4()
    with refused(tx, "PF102") as refusal:
        scalar(tx, CANCEL, [run_id])
    assert refusal.details == {"run_id": str(run_id)}


def test_other_runs_are_not_touched(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    cancelled, other = start_run(tx), start_run(tx)
    scalar(tx, CANCEL, [cancelled])
    assert work_off(tx, worker_id) == 4
    assert get_run(tx, other)["status"] == "completed"


def test_frozen_snapshot_is_refused(conn: Conn) -> None:
    deploy(conn, a_diamond())
    run_id = start_run(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level repeatable read")
        scalar(conn, CANCEL, [run_id])
