"""The failure handler: what runs after a run has failed, and what that changes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    a_flow,
    a_map,
    a_step,
    claim,
    complete,
    exchange,
    fail,
    get_run,
    get_step,
    release,
    scalar,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused
from tests.support.ruled import (
    HANDLER_INPUTS,
    Document,
    a_ruled_flow,
    a_started_run,
    is_true,
    of_payload,
    states,
)

from pgflow_manifest import FlowOptions, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
RESULTS = {
    "first": {"source": "result", "step": "first", "path": ["n"]},
    "second": {"source": "result", "step": "second"},
}


def a_guarded_line(**rules: dict[str, Any]) -> Document:
    """Return first -> second, beside it `aside`, and a failure handler of two attempts."""
    document = a_ruled_flow(
        a_flow(
            "guarded",
            a_step("first"),
            a_step("second", "first", inputs={"n": ResultInput(step="first")}),
            a_step("aside"),
            options=FlowOptions(max_attempts=1, jitter=0),
        ),
        rules,
        handler={**HANDLER_INPUTS, **RESULTS},
    )
    document["steps"][-1]["options"] = {"max_attempts": 2, "base_delay_seconds": 5}
    return document


def a_failed_run(conn: Conn) -> tuple[Any, Any]:
    worker_id, run_id = a_started_run(conn, a_guarded_line(), {"who": "ada"})
    [first, _] = sorted(claim(conn, worker_id), key=lambda task: task.step_slug, reverse=True)
    complete(conn, [first], [{"n": 1}])
    [second] = claim(conn, worker_id)
    fail(conn, [second])
    return worker_id, run_id


def test_handler_gets_error_payload_and_what_there_is_of_results(tx: Conn) -> None:
    worker_id, run_id = a_failed_run(tx)
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["step"]) == ("failed", "second")
    [task] = claim(tx, worker_id)
    assert (task.step_slug, task.attempt) == ("on_failure", 1)
    assert task.args == {
        "error": run["error"],
        "code": "PF603",
        "payload": {"who": "ada"},
        "first": 1,
        "second": None,
    }
    assert states(tx, run_id) == {
        "first": "completed",
        "second": "failed",
        "aside": "cancelled",
        "on_failure": "started",
    }


def test_its_result_changes_nothing_of_the_run(tx: Conn) -> None:
    worker_id, run_id = a_failed_run(tx)
    before = {**get_run(tx, run_id), "steps": None}
    outcomes, more = exchange(tx, worker_id, claim(tx, worker_id), results=["sorry"])
    assert (outcomes, more) == ({}, [])
    assert {**get_run(tx, run_id), "steps": None} == before
    step = get_step(tx, run_id, "on_failure")
    assert (step["status"], step["kind"], step["result"]) == ("completed", "failure", "sorry")
    assert claim(tx, worker_id) == []


def test_it_is_retried_and_its_failure_changes_nothing_of_the_run(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_failed_run(tx)
    before = {**get_run(tx, run_id), "steps": None}
    assert fail(tx, claim(tx, worker_id), message="no network") == ["retried"]
    step = get_step(tx, run_id, "on_failure")
    assert (step["status"], step["attempts"], step["retry_at"]) == (
        "started",
        1,
        "2026-01-31T12:00:05+00:00",
    )
    set_clock(tx, NOON + timedelta(seconds=5))
    [again] = claim(tx, worker_id)
    assert again.attempt == 2
    assert release(tx, [again]) == ["released"]
    assert fail(tx, claim(tx, worker_id), message="still not") == ["failed"]
    assert {**get_run(tx, run_id), "steps": None} == before
    step = get_step(tx, run_id, "on_failure")
    assert (step["status"], step["error"]["message"]) == ("failed", "still not")
    assert claim(tx, worker_id) == []


def test_lost_worker_of_the_handler_is_replaced(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_failed_run(tx)
    claim(tx, worker_id, lease_seconds=5)
    set_clock(tx, NOON + timedelta(seconds=6))
    tx.execute("select * from pgflow.sweep()")
    [again] = claim(tx, worker_id)
    assert (again.step_slug, again.attempt) == ("on_failure", 2)
    set_clock(tx, NOON + timedelta(hours=1))
    tx.execute("select * from pgflow.sweep()")
    assert get_step(tx, run_id, "on_failure")["error"]["code"] == "PF604"
    assert get_run(tx, run_id)["error"]["step"] == "second"


def test_result_of_the_handler_is_held_against_its_schema(tx: Conn) -> None:
    document = a_guarded_line()
    document["steps"][-1]["result_schema"] = {"type": "null"}
    worker_id, run_id = a_started_run(tx, document)
    fail(tx, claim(tx, worker_id, 1))
    assert complete(tx, claim(tx, worker_id), ["text"]) == ["failed"]
    assert get_step(tx, run_id, "on_failure")["error"]["code"] == "PF606"
    assert get_run(tx, run_id)["error"]["code"] == "PF603"


def test_cancel_of_a_failed_run_is_refused_and_leaves_the_handler(tx: Conn) -> None:
    worker_id, run_id = a_failed_run(tx)
    with refused(tx, "PF302"):
        tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert complete(tx, claim(tx, worker_id), [None]) == ["completed"]


def test_runs_that_complete_or_are_cancelled_have_none(tx: Conn) -> None:
    worker_id, cancelled = a_started_run(tx, a_guarded_line(), {})
    completed = scalar(tx, "select pgflow.start_flow('guarded', '{}')")
    tx.execute("select pgflow.cancel_run(%s)", [cancelled])
    while tasks := claim(tx, worker_id):
        complete(tx, tasks, [{"n": 1} for _ in tasks])
    for run_id, status in ((cancelled, "cancelled"), (completed, "completed")):
        run = get_run(tx, run_id)
        assert run["status"] == status
        assert [step["slug"] for step in run["steps"]] == ["first", "second", "aside"]
    assert get_run(tx, completed)["output"] == {"second": {"n": 1}, "aside": {"n": 1}}


def test_two_failures_in_one_batch_start_one_handler_a_run(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_guarded_line(), {})
    other = scalar(tx, "select pgflow.start_flow('guarded', '{}')")
    assert fail(tx, claim(tx, worker_id)) == ["failed"] * 4
    tasks = claim(tx, worker_id)
    assert {(task.run_id, task.step_slug) for task in tasks} == {
        (run_id, "on_failure"),
        (other, "on_failure"),
    }


def test_run_that_fails_at_its_start_has_its_handler(tx: Conn) -> None:
    rules = {"aside": {"when": is_true(of_payload("ok")), "when_unmet": "fail"}}
    worker_id, run_id = a_started_run(tx, a_guarded_line(**rules), {})
    [task] = claim(tx, worker_id)
    assert (task.run_id, task.step_slug, task.args["code"]) == (run_id, "on_failure", "PF610")


def test_failures_of_two_kinds_in_one_wave_start_one_handler(tx: Conn) -> None:
    document = a_ruled_flow(
        a_flow(
            "f",
            a_step("a"),
            a_map("m", PayloadInput(), "a"),
            a_map("n", PayloadInput(), "a"),
            a_step("b", "a"),
        ),
        {
            "n": {"when": is_true({"value": False}), "when_unmet": "fail"},
            "b": {"when": is_true({"value": True})},
        },
        handler=HANDLER_INPUTS,
    )
    worker_id, run_id = a_started_run(tx, document, "no list")
    complete(tx, claim(tx, worker_id), [1])
    assert states(tx, run_id) == {
        "a": "completed",
        "m": "failed",
        "b": "cancelled",
        "on_failure": "started",
    }
    [task] = claim(tx, worker_id)
    assert task.args["code"] == "PF609"


def test_watchers_are_told_of_the_end_of_the_handler(conn: Conn) -> None:
    worker_id, run_id = a_failed_run(conn)
    conn.execute(f"listen {scalar(conn, 'select pgflow.watch_run(%s)', [run_id])}".encode())
    complete(conn, claim(conn, worker_id), [None])
    assert len(list(conn.notifies(timeout=5, stop_after=1))) == 1


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_run_that_has_ended_is_not_ended_again(tx: Conn, status: str) -> None:
    """Whoever ends runs need not know which of them have ended: the handler keeps its task."""
    worker_id, run_id = a_failed_run(tx)
    before = get_run(tx, run_id)
    tx.execute("select pgflow._end_runs(array[%s], %s, array['{}'::jsonb])", [run_id, status])
    assert get_run(tx, run_id) == before
    [task] = claim(tx, worker_id)
    tx.execute("select pgflow._end_runs(array[%s], %s, array['{}'::jsonb])", [run_id, status])
    assert complete(tx, [task], [None]) == ["completed"]
