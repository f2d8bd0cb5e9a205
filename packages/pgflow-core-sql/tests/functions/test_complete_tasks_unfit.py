"""complete_tasks and complete_step: a result that does not fit fails its step, and only that."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    Claimed,
    a_claimed_task,
    a_diamond,
    a_flow,
    a_step,
    attempts,
    claim,
    complete,
    deploy,
    get_run,
    get_step,
    keys,
    register_worker,
    scalar,
    start_run,
)

from pgflow_manifest import FlowOptions, JsonSchema, StepOptions

Conn = psycopg.Connection[Any]
COMPLETE_TASKS = """
select outcome, error from pgflow.complete_tasks(%s::uuid[], %s::text[], %s::int[], %s::uuid[], %s)
order by ordinal"""
COMPLETE_STEP = "select pgflow.complete_step(%s, %s, %s, %s)"
WRONG = {"transcription": 42}


def report(conn: Conn, tasks: list[Claimed], results: list[Any]) -> list[tuple[str, Any]]:
    """Complete *tasks*; return outcome and error of each."""
    values = [Jsonb(result) for result in results]
    return conn.execute(COMPLETE_TASKS.encode(), [*keys(tasks), values]).fetchall()


def error_of(conn: Conn, run_id: UUID, step: str = "transcribe") -> Mapping[str, Any]:
    """Return the error that the step has now."""
    error: Mapping[str, Any] = get_step(conn, run_id, step)["error"]
    return error


def test_step_and_run_fail_with_a_json_pointer_for_each_fault(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    [(outcome, told)] = report(tx, [task], [WRONG])
    assert outcome == "failed"
    fault = {
        "at": "/transcription",
        "keyword": "type",
        "message": "expected string, got number",
    }
    assert told == {
        "code": "PF606",
        "type": "ResultInvalidError",
        "message": "the result does not fit its schema: at /transcription, "
        "expected string, got number",
        "errors": [fault],
    }
    assert error_of(tx, task.run_id) == told
    run = get_run(tx, task.run_id)
    assert (run["status"], run["output"]) == ("failed", None)
    assert run["error"] == {"step": "transcribe", **told}
    assert get_step(tx, task.run_id, "transcribe")["result"] is None


def test_step_is_not_retried_however_many_attempts_it_has(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx, a_diamond(options=FlowOptions(max_attempts=9, jitter=0)))
    assert complete(tx, [task], [WRONG]) == ["failed"]
    assert attempts(tx, task.run_id) == [("transcribe", 1, "failed")]
    assert claim(tx, worker_id) == []


def test_dependents_of_the_step_never_start(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task], [WRONG])
    assert claim(tx, worker_id) == []
    steps = {step["slug"]: step["status"] for step in get_run(tx, task.run_id)["steps"]}
    assert steps == {
        "transcribe": "failed",
        "summarize": "cancelled",
        "capitalize": "cancelled",
        "merge": "cancelled",
    }


def test_others_of_the_batch_complete_and_their_dependents_start(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    first, wrong, last = claim(tx, worker_id)
    good = {"transcription": "hello"}
    assert complete(tx, [first, wrong, last], [good, WRONG, good]) == [
        "completed",
        "failed",
        "completed",
    ]
    assert {task.run_id for task in claim(tx, worker_id)} == {first.run_id, last.run_id}


def test_sibling_in_the_same_batch_keeps_its_result_though_the_run_fails(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    summarize, capitalize = sorted(claim(tx, worker_id), key=lambda task: task.step_slug)[::-1]
    assert complete(tx, [summarize, capitalize], ["short", 7]) == ["completed", "failed"]
    run = get_run(tx, task.run_id)
    assert (run["status"], run["error"]["step"]) == ("failed", "capitalize")
    assert get_step(tx, task.run_id, "summarize")["result"] == "short"


def test_repeat_of_the_report_is_answered_as_before_and_changes_nothing(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    first = report(tx, [task], [WRONG])
    assert report(tx, [task], [WRONG]) == first
    assert attempts(tx, task.run_id) == [("transcribe", 1, "failed")]


def test_right_result_after_a_wrong_one_comes_too_late(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    complete(tx, [task], [WRONG])
    assert complete(tx, [task]) == ["failed"]
    assert get_run(tx, task.run_id)["status"] == "failed"


def test_lease_that_is_over_is_stale_whatever_the_result(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    tx.execute("select pgflow.cancel_run(%s)", [task.run_id])
    assert report(tx, [task], [WRONG]) == [("stale", None)]


def test_complete_step_fails_the_step_too(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    call = [task.run_id, task.step_slug, task.lease_id, Jsonb(WRONG)]
    assert scalar(tx, COMPLETE_STEP, call) == "failed"
    assert error_of(tx, task.run_id)["errors"][0]["at"] == "/transcription"


def test_rollback_of_the_handler_takes_the_failure_back(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with conn.transaction(force_rollback=True):
        conn.execute(COMPLETE_STEP, [task.run_id, task.step_slug, task.lease_id, Jsonb(WRONG)])
    assert complete(conn, [task]) == ["completed"]


def test_validation_takes_no_locks(conn: Conn, connect: Any) -> None:
    _, task = a_claimed_task(conn)
    other = connect()
    with other.transaction():
        other.execute("select from pgflow.runs where run_id = %s for update", [task.run_id])
        query = """select fits, error ->> 'code' from pgflow._check_results(
            %s::uuid[], %s::text[], %s::int[], %s::uuid[], %s)"""
        assert conn.execute(query, [*keys([task]), [Jsonb(WRONG)]]).fetchall() == [(False, "PF606")]


def test_many_faults_are_counted_in_the_message_and_listed_in_the_error(tx: Conn) -> None:
    numbers: JsonSchema = {"type": "array", "items": {"type": "integer"}}
    _, task = a_claimed_task(tx, a_flow("f", a_step("a", result_schema=numbers)))
    [(_, error)] = report(tx, [task], [["x"] * 30])
    assert error["message"].endswith("at /0, expected integer, got string (and 19 more)")
    assert [fault["at"] for fault in error["errors"]] == [f"/{n}" for n in range(20)]


@pytest.mark.parametrize(("length", "outcome"), [(900, "completed"), (1100, "failed")])
@pytest.mark.parametrize("whose", ["step", "flow"])
def test_budget_of_bytes_is_enforced(tx: Conn, length: int, outcome: str, whose: str) -> None:
    budget = StepOptions(max_result_bytes=1000)
    options = FlowOptions(max_result_bytes=5 if whose == "step" else 1000)
    step = a_step("a", options=budget if whose == "step" else None)
    _, task = a_claimed_task(tx, a_flow("f", step, options=options))
    [(answer, error)] = report(tx, [task], ["x" * length])
    assert answer == outcome
    if outcome == "failed":
        assert error["code"] == "PF607"
        assert "the budget of the step is 1000" in error["message"]
        assert error_of(tx, task.run_id, "a") == error


def test_budget_is_of_bytes_before_compression(tx: Conn) -> None:
    _, task = a_claimed_task(
        tx, a_flow("f", a_step("a"), options=FlowOptions(max_result_bytes=100_000))
    )
    assert complete(tx, [task], ["x" * 200_000]) == ["failed"]


def test_budget_that_is_deployed_anew_counts_at_once(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"))
    _, task = a_claimed_task(tx, flow)
    small = a_flow("f", a_step("a"), options=FlowOptions(jitter=0, max_result_bytes=5))
    assert deploy(tx, small) == [("f", 1, "options_changed")]
    assert complete(tx, [task], ["too long"]) == ["failed"]


def test_limit_of_time_has_its_own_code_and_is_not_taken_for_valid(tx: Conn) -> None:
    slow: JsonSchema = {"$ref": "#/$defs/n40", "$defs": {"n0": {"maximum": 5}}}
    for n in range(1, 41):
        again = {"$ref": f"#/$defs/n{n - 1}"}
        slow["$defs"][f"n{n}"] = {"allOf": [again, again]}
    _, task = a_claimed_task(tx, a_flow("f", a_step("a", result_schema=slow)))
    tx.execute("set local pgflow.validation_deadline_ms = 20")
    [(outcome, error)] = report(tx, [task], [3])
    assert (outcome, error["code"], error["type"]) == ("failed", "PF608", "ResultLimitError")
    assert error["message"].startswith("the result could not be validated: ")
