"""One item that fails for good fails step and run; retry, expiry and cancel are as ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from tests.support.builders import (
    a_mapped_list,
    a_started_map,
    claim_in_order,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock

from pgflow_manifest import StepOptions

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
INTEGER = {"type": "integer"}


def nothing_is_left(conn: Conn) -> bool:
    """Whether no task, lease, item or result is left of any run."""
    return not any(
        scalar(conn, f"select count(*) from pgflow.{table}")
        for table in ("tasks", "leases", "map_items", "map_results")
    )


def test_items_are_retried_each_by_itself(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_map(tx, ["a", "b", "c"])
    one, two, three = claim_in_order(tx, worker_id)
    assert fail(tx, [two], retry_after=60, message="not now") == ["retried"]
    assert complete(tx, [one, three], [1, 3]) == ["completed"] * 2
    step = get_step(tx, run_id, "double")
    assert step["status"] == "started"
    assert step["tasks"] == {"total": 3, "completed": 2, "skipped": 0, "running": 0, "waiting": 1}
    assert step["error"] == {
        "code": "PF603",
        "type": "ValueError",
        "message": "not now",
        "task_index": 1,
    }
    assert (step["attempts"], step["retry_at"]) == (1, "2026-01-31T12:01:00+00:00")
    assert claim_in_order(tx, worker_id) == []
    set_clock(tx, NOON + timedelta(minutes=1))
    [again] = claim_in_order(tx, worker_id)
    assert (again.task_index, again.attempt, again.args) == (1, 2, {"item": "b"})
    complete(tx, [again], [2])
    assert get_step(tx, run_id, "double")["result"] == [1, 2, 3]


def test_item_without_attempts_left_fails_step_and_run_and_is_named(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(10)))
    tasks = claim_in_order(tx, worker_id, 5)
    complete(tx, tasks[:2], [0, 1])
    assert fail(tx, [tasks[3]], retryable=False) == ["failed"]
    run = get_run(tx, run_id)
    error = {"code": "PF603", "type": "ValueError", "message": "boom", "task_index": 3}
    assert (run["status"], run["error"]) == ("failed", {"step": "double", **error})
    step = get_step(tx, run_id, "double")
    assert (step["status"], step["error"], step["running"]) == ("failed", error, False)
    assert step["tasks"] == {"total": 10, "completed": 2, "skipped": 0, "running": 0, "waiting": 0}
    assert get_step(tx, run_id, "total")["status"] == "cancelled"
    assert nothing_is_left(tx)
    assert complete(tx, [tasks[2]], [2]) == ["stale"]
    assert claim_in_order(tx, worker_id) == []


def test_attempts_are_counted_for_each_item(tx: Conn) -> None:
    options = StepOptions(max_attempts=2, base_delay_seconds=0, jitter=0)
    worker_id, run_id = a_started_map(tx, [1, 2], a_mapped_list(options=options))
    for outcome in ("retried", "failed"):
        one = next(task for task in claim_in_order(tx, worker_id) if task.task_index == 0)
        assert fail(tx, [one]) == [outcome]
    assert get_run(tx, run_id)["error"]["task_index"] == 0


def test_of_items_that_fail_together_the_first_is_the_reason(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2, 3])
    assert fail(tx, claim_in_order(tx, worker_id)[::-1], retryable=False) == ["failed"] * 3
    run = get_run(tx, run_id)
    assert run["error"]["task_index"] == 0
    assert get_step(tx, run_id, "double")["error"]["task_index"] == 0


def test_unfit_item_in_the_middle_of_a_batch_fails_its_run_and_no_other(tx: Conn) -> None:
    flow = a_mapped_list(item_schema=INTEGER)
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    unfit, fit = (start_run(tx, "mapped", {}) for _ in range(2))
    complete(tx, claim_in_order(tx, worker_id), [[1, 2, 3], [4, 5, 6]])
    tasks = claim_in_order(tx, worker_id)
    results = ["two" if task.args["item"] == 2 else task.args["item"] for task in tasks]
    outcomes = complete(tx, tasks, results)
    assert [
        outcome for task, outcome in zip(tasks, outcomes, strict=True) if task.run_id == fit
    ] == ["completed"] * 3
    assert [
        outcome for task, outcome in zip(tasks, outcomes, strict=True) if task.run_id == unfit
    ] == ["completed", "failed", "completed"]
    assert get_step(tx, fit, "double")["result"] == [4, 5, 6]
    error = get_run(tx, unfit)["error"]
    assert (error["step"], error["code"], error["task_index"]) == ("double", "PF606", 1)
    assert error["errors"][0]["at"] == ""
    assert get_step(tx, unfit, "double")["tasks"]["completed"] == 2


def test_unfit_last_item_does_not_complete_the_step(tx: Conn) -> None:
    flow = a_mapped_list(item_schema=INTEGER)
    worker_id, run_id = a_started_map(tx, [1, 2], flow)
    one, two = claim_in_order(tx, worker_id)
    complete(tx, [one], [1])
    assert complete(tx, [two], ["two"]) == ["failed"]
    assert get_step(tx, run_id, "double")["status"] == "failed"
    assert nothing_is_left(tx)


def test_budget_is_that_of_one_item(tx: Conn) -> None:
    flow = a_mapped_list(options=StepOptions(max_result_bytes=100))
    worker_id, run_id = a_started_map(tx, list(range(50)), flow)
    tasks = claim_in_order(tx, worker_id)
    assert complete(tx, tasks[:-1], ["x" * 50] * 49) == ["completed"] * 49
    assert complete(tx, tasks[-1:], ["x" * 200]) == ["failed"]
    error = get_run(tx, run_id)["error"]
    assert (error["code"], error["task_index"]) == ("PF607", 49)


def test_expired_item_waits_again_alone(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_map(tx, ["a", "b", "c"])
    lost, kept, done = claim_in_order(tx, worker_id, lease_seconds=30)
    complete(tx, [done], ["C"])
    set_clock(tx, NOON + timedelta(seconds=20))
    tx.execute("select pgflow.beat(%s)", [worker_id])
    tx.execute(
        "update pgflow.leases set leased_until = %s where lease_id = %s",
        [NOON + timedelta(minutes=5), kept.lease_id],
    )
    set_clock(tx, NOON + timedelta(seconds=31))
    assert scalar(tx, "select expired from pgflow.sweep()") == 1
    assert complete(tx, [lost], ["late"]) == ["stale"]
    [again] = claim_in_order(tx, worker_id)
    assert (again.task_index, again.attempt) == (lost.task_index, 2)
    complete(tx, [kept], ["B"])
    assert get_step(tx, run_id, "double")["status"] == "started"
    complete(tx, [again], ["A"])
    assert get_step(tx, run_id, "double")["result"] == ["A", "B", "C"]


def test_item_that_expires_for_the_last_time_fails_the_run(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    options = StepOptions(max_attempts=1)
    worker_id, run_id = a_started_map(tx, [1, 2], a_mapped_list(options=options))
    claim_in_order(tx, worker_id, 1)
    set_clock(tx, NOON + timedelta(hours=1))
    tx.execute("select pgflow.sweep()")
    error = get_run(tx, run_id)["error"]
    assert (error["code"], error["task_index"]) == ("PF604", 0)
    assert nothing_is_left(tx)


def test_cancel_while_items_run_leaves_nothing(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(6)))
    tasks = claim_in_order(tx, worker_id, 4)
    complete(tx, tasks[:1], [0])
    assert scalar(tx, "select pgflow.cancel_run(%s)", [run_id]) == "cancelled"
    assert nothing_is_left(tx)
    assert complete(tx, tasks[1:], [1, 2, 3]) == ["stale"] * 3
    step = get_step(tx, run_id, "double")
    assert (step["status"], step["running"]) == ("cancelled", False)
    assert step["tasks"] == {"total": 6, "completed": 1, "skipped": 0, "running": 0, "waiting": 0}


def test_cancel_before_the_map_began_shows_no_tasks(tx: Conn) -> None:
    deploy(tx, a_mapped_list())
    run_id = start_run(tx, "mapped", {})
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert get_step(tx, run_id, "double")["tasks"] is None
