"""complete_tasks: results are stored once, dependents start once, and only the lease decides."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    a_flow,
    a_step,
    attempts,
    claim,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    keys,
    register_worker,
    release,
    scalar,
    start_run,
    work_off,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
COMPLETE = """select * from pgflow.complete_tasks(
    %s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::jsonb[])"""
RESULT = {"transcription": "hello"}


def everything(conn: Conn) -> list[tuple[Any, ...]]:
    """Return all rows that a report could change."""
    return [
        row
        for table in ("runs", "step_states", "tasks", "leases", "attempts")
        for row in conn.execute(
            f"select '{table}', t::text from pgflow.{table} t order by 2".encode()
        )
    ]


def test_result_is_stored_and_the_attempt_kept(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    assert complete(tx, [task]) == ["completed"]
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["status"], step["result"], step["running"]) == ("completed", RESULT, False)
    assert step["ended_at"] is not None
    assert attempts(tx, task.run_id) == [("transcribe", 1, "completed")]


def test_dependents_start_when_their_last_dep_has_completed(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    first, second = claim(tx, worker_id)
    assert {first.step_slug, second.step_slug} == {"summarize", "capitalize"}
    complete(tx, [first])
    assert claim(tx, worker_id) == []
    complete(tx, [second])
    assert [task.step_slug for task in claim(tx, worker_id)] == ["merge"]


def test_both_deps_in_one_batch_start_the_dependent_once(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    assert complete(tx, claim(tx, worker_id)) == ["completed", "completed"]
    assert [task.step_slug for task in claim(tx, worker_id)] == ["merge"]


def test_run_completes_with_its_last_leaf_and_its_output_is_the_leaves(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"), a_step("left", "a"), a_step("right", "a"))
    worker_id, task = a_claimed_task(tx, flow)
    complete(tx, [task], ["A"])
    first, second = claim(tx, worker_id)
    complete(tx, [first], [first.step_slug.upper()])
    assert get_run(tx, task.run_id)["status"] == "started"
    complete(tx, [second], [None])
    run = get_run(tx, task.run_id)
    assert run["status"] == "completed"
    assert run["output"] == {first.step_slug: first.step_slug.upper(), second.step_slug: None}
    assert run["ended_at"] is not None


def test_chain_of_two_hundred_steps_completes(tx: Conn) -> None:
    steps = [a_step("s0"), *(a_step(f"s{n}", f"s{n - 1}") for n in range(1, 200))]
    flow = a_flow("chain", *steps)
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "chain")
    count = 0
    while tasks := claim(tx, worker_id):
        count += len(tasks)
        complete(tx, tasks, ["x"] * len(tasks))
    assert count == 200
    assert get_run(tx, run_id)["status"] == "completed"


def test_wide_fan_out_and_fan_in_start_everything_once(tx: Conn) -> None:
    middle = [a_step(f"m{n}", "root") for n in range(100)]
    flow = a_flow("wide", a_step("root"), *middle, a_step("end", *(s.slug for s in middle)))
    worker_id, task = a_claimed_task(tx, flow)
    complete(tx, [task], [1])
    while len(tasks := claim(tx, worker_id, 7)) == 7:
        complete(tx, tasks, [task.step_slug for task in tasks])
    complete(tx, tasks, [task.step_slug for task in tasks])
    assert [task.step_slug for task in claim(tx, worker_id)] == ["end"]


def test_batch_answers_per_task_and_a_stale_one_does_not_touch_the_others(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    good, released, last = claim(tx, worker_id)
    release(tx, [released])
    assert complete(tx, [good, released, last]) == ["completed", "stale", "completed"]
    assert get_step(tx, released.run_id, "transcribe")["status"] == "started"


STALE: dict[str, dict[str, Any]] = {
    "another lease": {"lease_id": UUID(int=7)},
    "another run": {"run_id": UUID(int=7)},
    "another step": {"step_slug": "merge"},
    "a step that does not exist": {"step_slug": "nowhere"},
    "another index": {"task_index": 1},
}


@pytest.mark.parametrize("wrong", STALE)
def test_report_that_names_another_task_changes_nothing(tx: Conn, wrong: str) -> None:
    _, task = a_claimed_task(tx)
    before = everything(tx)
    assert complete(tx, [replace(task, **STALE[wrong])], [RESULT]) == ["stale"]
    assert everything(tx) == before


@pytest.mark.parametrize("how", ["released", "failed", "claimed again", "cancelled"])
def test_report_after_the_lease_is_over_changes_nothing(tx: Conn, how: str) -> None:
    worker_id, task = a_claimed_task(tx)
    if how == "failed":
        fail(tx, [task], retryable=False)
    elif how == "cancelled":
        tx.execute("select pgflow.cancel_run(%s)", [task.run_id])
    else:
        release(tx, [task])
        if how == "claimed again":
            claim(tx, worker_id)
    before = everything(tx)
    assert complete(tx, [task]) == ["stale"]
    assert everything(tx) == before


def test_exact_repeat_is_answered_again_and_changes_nothing(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    before = everything(tx)
    assert complete(tx, [task]) == ["completed"]
    assert everything(tx) == before
    work_off(tx, worker_id)
    assert complete(tx, [task]) == ["completed"]


def test_repeat_with_another_result_is_stale(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    complete(tx, [task])
    assert complete(tx, [task], [{"transcription": "other"}]) == ["stale"]
    assert get_step(tx, task.run_id, "transcribe")["result"] == RESULT


def test_one_task_twice_in_a_batch_is_completed_once(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    assert complete(tx, [task, task]) == ["completed", "completed"]
    assert attempts(tx, task.run_id) == [("transcribe", 1, "completed")]


def test_one_task_twice_with_two_results_is_completed_by_one_of_them(tx: Conn) -> None:
    _, task = a_claimed_task(tx, a_flow("f", a_step("a")))
    assert sorted(complete(tx, [task, task], [1, 2])) == ["completed", "stale"]
    assert get_step(tx, task.run_id, "a")["result"] in (1, 2)


def test_repeat_and_fresh_report_in_one_batch_are_both_completed(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    fresh, _ = claim(tx, worker_id)
    results = [RESULT, "x"]
    assert complete(tx, [task, fresh], results) == ["completed", "completed"]


@pytest.mark.parametrize("result", [None, 0, "", [], {}, [None], {"a": {"b": [1.5]}}], ids=str)
def test_any_json_value_is_a_result(tx: Conn, result: Any) -> None:
    _, task = a_claimed_task(tx, a_flow("f", a_step("a")))
    assert complete(tx, [task], [result]) == ["completed"]
    assert complete(tx, [task], [result]) == ["completed"]
    assert get_step(tx, task.run_id, "a")["result"] == result


def test_late_lease_that_nobody_expired_still_counts(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    tx.execute("update pgflow.leases set leased_until = leased_until - interval '1 day'")
    assert complete(tx, [task]) == ["completed"]


def test_empty_batch_is_answered_with_nothing(tx: Conn) -> None:
    assert complete(tx, []) == []


BATCHES: dict[str, list[Any]] = {
    "too few steps": [[UUID(int=1)], [], [0], [UUID(int=2)], [Jsonb(1)]],
    "too many results": [[UUID(int=1)], ["a"], [0], [UUID(int=2)], [Jsonb(1), Jsonb(2)]],
    "null result": [[UUID(int=1)], ["a"], [0], [UUID(int=2)], [None]],
    "null run": [[None], ["a"], [0], [UUID(int=2)], [Jsonb(1)]],
    "null lease": [[UUID(int=1)], ["a"], [0], [None], [Jsonb(1)]],
    "null array": [None, ["a"], [0], [UUID(int=2)], [Jsonb(1)]],
}


@pytest.mark.parametrize("batch", BATCHES)
def test_arrays_that_do_not_fit_are_refused(tx: Conn, batch: str) -> None:
    with refused(tx, "PF209") as refusal:
        tx.execute(COMPLETE, BATCHES[batch])
    assert len(refusal.details["lengths"]) >= 4


def test_results_of_a_refused_batch_leave_no_trace(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    before = everything(tx)
    with refused(tx, "PF209"):
        batch = [*(column * 2 for column in keys([task])), [Jsonb(1), None]]
        tx.execute(COMPLETE, batch)
    assert everything(tx) == before


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_frozen_snapshot_is_refused(conn: Conn, level: str) -> None:
    _, task = a_claimed_task(conn)
    with refused(conn, "PF503") as refusal:
        conn.execute(f"set transaction isolation level {level}".encode())
        complete(conn, [task])
    assert refusal.details == {"isolation": level}
    assert complete(conn, [task]) == ["completed"]


def test_unknown_tasks_are_stale_and_no_error(tx: Conn) -> None:
    rows = tx.execute(COMPLETE, [[uuid4()], ["a"], [0], [uuid4()], [Jsonb(1)]]).fetchall()
    assert rows == [(1, "stale", None)]


def test_run_stays_on_its_version_until_its_end(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    deploy(tx, a_flow("voice_memo", a_step("something_else")))
    complete(tx, [task])
    assert work_off(tx, worker_id) == 3
    run = get_run(tx, task.run_id)
    assert (run["version"], run["status"]) == (1, "completed")
    assert scalar(tx, "select current_version from pgflow.flows") == 2
