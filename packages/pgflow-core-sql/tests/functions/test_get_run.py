"""get_run: one document that says everything about a run, at any moment of its life."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from tests.support.builders import (
    DIAMOND_RESULTS,
    a_claimed_task,
    a_diamond,
    claim,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
    work_off,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOON_TEXT = "2026-01-31T12:00:00+00:00"


def test_new_run_has_exactly_these_fields(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    run = get_run(tx, run_id)
    steps = run.pop("steps")
    assert run == {
        "run_id": str(run_id),
        "parent_run_id": None,
        "flow_slug": "voice_memo",
        "version": 1,
        "status": "started",
        "owner": scalar(tx, "select session_user"),
        "payload": {"owner_id": "ada"},
        "output": None,
        "error": None,
        "started_at": NOON_TEXT,
        "ended_at": None,
    }
    assert steps[0] == {
        "slug": "transcribe",
        "kind": "single",
        "status": "started",
        "skip_reason": None,
        "result": None,
        "error": None,
        "attempts": 0,
        "started_at": NOON_TEXT,
        "ended_at": None,
        "running": False,
        "worker": None,
        "retry_at": None,
        "tasks": None,
        "sub_run_id": None,
        "sub_runs": None,
    }
    assert steps[3] == {**steps[0], "slug": "merge", "status": "created", "started_at": None}


def test_steps_come_in_topological_order(tx: Conn) -> None:
    deploy(tx, a_diamond())
    slugs = [step["slug"] for step in get_run(tx, start_run(tx))["steps"]]
    assert slugs == ["transcribe", "summarize", "capitalize", "merge"]


def test_completed_run_has_the_results_and_its_output(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    work_off(tx, worker_id)
    run = get_run(tx, task.run_id)
    assert run["status"] == "completed"
    assert run["output"] == {"merge": "short HELLO"}
    assert {step["slug"]: step["result"] for step in run["steps"]} == DIAMOND_RESULTS
    assert {step["attempts"] for step in run["steps"]} == {1}
    assert {step["worker"] for step in run["steps"]} == {"tester"}


def test_leased_step_is_running_and_names_its_worker(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["running"], step["worker"], step["attempts"]) == (True, "tester", 1)


def test_waiting_retry_shows_its_time_and_the_last_error(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, task = a_claimed_task(tx)
    fail(tx, [task], retry_after=60, message="try again")
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["status"], step["running"], step["attempts"]) == ("started", False, 1)
    assert step["retry_at"] == "2026-01-31T12:01:00+00:00"
    assert step["error"]["message"] == "try again"
    set_clock(tx, NOON + timedelta(minutes=1))
    [again] = claim(tx, worker_id)
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["running"], step["attempts"], step["retry_at"]) == (True, 2, None)
    complete(tx, [again])
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["attempts"], step["error"]) == (2, None)


def test_steps_that_a_failed_run_never_began_are_cancelled(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    fail(tx, [task], retryable=False)
    run = get_run(tx, task.run_id)
    statuses = [step["status"] for step in run["steps"]]
    assert statuses == ["failed", "cancelled", "cancelled", "cancelled"]
    assert run["steps"][1]["started_at"] is None


def test_unknown_run_is_refused(tx: Conn) -> None:
    run_id = uuid4()
    with refused(tx, "PF102") as refusal:
        get_run(tx, run_id)
    assert refusal.details == {"run_id": str(run_id)}
    with refused(tx, "PF102"):
        scalar(tx, "select pgflow.get_run(null)")


def test_document_shows_the_version_of_the_run_and_not_the_current_one(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    flow = a_diamond()
    deploy(tx, flow.model_copy(update={"steps": flow.steps[:1], "digest": "1" * 64}))
    run = get_run(tx, run_id)
    assert (run["version"], len(run["steps"])) == (1, 4)


def test_reading_works_in_a_read_only_transaction(conn: Conn) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    run_id = start_run(conn)
    claim(conn, worker_id)
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        assert get_run(conn, run_id)["status"] == "started"
