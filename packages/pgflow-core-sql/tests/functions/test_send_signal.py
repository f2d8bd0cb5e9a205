"""A signal completes the step that waits for it, whenever it comes and however often."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused
from tests.support.waiting import a_signal

from pgflow_manifest import FlowSpec, ResultInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
APPROVAL = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
YES = {"ok": True}


def an_approved_flow(timeout: float | None = None) -> FlowSpec:
    """Return draft -> approval (a signal) -> publish, which takes its payload."""
    schema = APPROVAL if timeout is None else {"anyOf": [APPROVAL, {"type": "null"}]}
    return a_flow(
        "approved",
        a_step("draft"),
        a_signal("approval", "draft", result_schema=schema, timeout=timeout),
        a_step("publish", "approval", inputs={"approval": ResultInput(step="approval")}),
    )


def send(conn: Conn, run_id: UUID, payload: Any, signal: str = "approval") -> str:
    outcome: str = scalar(
        conn, "select pgflow.send_signal(%s, %s, %s)", [run_id, signal, Jsonb(payload)]
    )
    return outcome


def a_run(conn: Conn, timeout: float | None = None) -> tuple[UUID, UUID]:
    """Start a run; return worker and run."""
    flow = an_approved_flow(timeout)
    deploy(conn, flow)
    return register_worker(conn, flow), start_run(conn, "approved")


def a_waiting_run(conn: Conn, timeout: float | None = None) -> tuple[UUID, UUID]:
    """Bring a run to where it waits for the signal; return worker and run."""
    worker_id, run_id = a_run(conn, timeout)
    assert complete(conn, claim(conn, worker_id), [1]) == ["completed"]
    assert get_step(conn, run_id, "approval")["status"] == "started"
    return worker_id, run_id


def test_signal_completes_the_step_that_waits(tx: Conn) -> None:
    worker_id, run_id = a_waiting_run(tx)
    assert claim(tx, worker_id) == []
    assert send(tx, run_id, YES) == "completed"
    [publish] = claim(tx, worker_id)
    assert publish.args == {"approval": YES}
    complete(tx, [publish], [2])
    assert get_run(tx, run_id)["status"] == "completed"


def test_signal_may_come_before_it_is_awaited(tx: Conn) -> None:
    worker_id, run_id = a_run(tx)
    assert send(tx, run_id, YES) == "kept"
    assert get_step(tx, run_id, "approval")["status"] == "created"
    complete(tx, claim(tx, worker_id), [1])
    assert get_step(tx, run_id, "approval")["result"] == YES
    assert [task.step_slug for task in claim(tx, worker_id)] == ["publish"]


def test_the_same_signal_again_changes_nothing_and_another_one_is_refused(tx: Conn) -> None:
    _, run_id = a_waiting_run(tx)
    send(tx, run_id, YES)
    assert send(tx, run_id, YES) == "repeated"
    with refused(tx, "PF305") as refusal:
        send(tx, run_id, {"ok": False})
    assert "approval" in refusal.message
    assert get_step(tx, run_id, "approval")["result"] == YES


def test_repeat_is_answered_also_when_the_run_has_ended(tx: Conn) -> None:
    worker_id, run_id = a_waiting_run(tx)
    send(tx, run_id, YES)
    complete(tx, claim(tx, worker_id), [2])
    assert send(tx, run_id, YES) == "repeated"


def test_what_does_not_fit_is_refused_and_the_step_goes_on_waiting(tx: Conn) -> None:
    _, run_id = a_waiting_run(tx)
    with refused(tx, "PF202") as refusal:
        send(tx, run_id, {"ok": "yes"})
    assert refusal.details["errors"][0]["at"] == "/ok"
    with refused(tx, "PF202"):
        tx.execute("select pgflow.send_signal(%s, 'approval', null)", [run_id])
    assert send(tx, run_id, YES) == "completed"


def test_unknown_run_and_unknown_signal_are_named(tx: Conn) -> None:
    _, run_id = a_run(tx)
    with refused(tx, "PF102"):
        send(tx, uuid4(), YES)
    for slug in ("nothing", "draft"):
        with refused(tx, "PF103") as refusal:
            send(tx, run_id, YES, slug)
        assert "approval" in refusal.hint


def test_run_that_has_ended_takes_no_signal(tx: Conn) -> None:
    _, run_id = a_run(tx)
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    with refused(tx, "PF302"):
        send(tx, run_id, YES)


def test_timeout_completes_with_null_and_a_later_signal_is_refused(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_waiting_run(tx, timeout=60)
    set_clock(tx, NOON + timedelta(seconds=59))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    assert scalar(tx, "select fired from pgflow.sweep()") == 0
    set_clock(tx, NOON + timedelta(seconds=60))
    assert scalar(tx, "select fired from pgflow.sweep()") == 1
    [publish] = claim(tx, worker_id)
    assert publish.args == {"approval": None}
    with refused(tx, "PF306"):
        send(tx, run_id, YES)


def test_signal_in_time_ends_the_timer(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, run_id = a_waiting_run(tx, timeout=60)
    send(tx, run_id, YES)
    assert scalar(tx, "select count(*) from pgflow.timers") == 0


def test_nothing_of_a_cancelled_run_waits(tx: Conn) -> None:
    _, run_id = a_waiting_run(tx, timeout=60)
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert get_step(tx, run_id, "approval")["status"] == "cancelled"
    assert scalar(tx, "select count(*) from pgflow.timers") == 0


def test_root_signal_waits_from_the_start(tx: Conn) -> None:
    flow = a_flow("asked", a_signal("answer", result_schema={"type": "integer"}))
    deploy(tx, flow)
    run_id = start_run(tx, "asked")
    assert get_step(tx, run_id, "answer")["status"] == "started"
    assert send(tx, run_id, 42, "answer") == "completed"
    assert get_run(tx, run_id)["output"] == {"answer": 42}
