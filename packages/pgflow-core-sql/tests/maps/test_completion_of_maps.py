"""A map step completes with its last item, whoever brings it; its list has their order."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_flow,
    a_map,
    a_mapped_list,
    a_started_map,
    a_step,
    attempts,
    claim_in_order,
    column,
    complete,
    deploy,
    get_run,
    get_step,
    register_worker,
    release,
    scalar,
    start_run,
    work_off,
)
from tests.support.refusals import refused

from pgflow_manifest import PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
COMPLETE_STEP = "select pgflow.complete_step(%s, %s, %s, %s, %s)"


def rows_of_maps(conn: Conn) -> list[int]:
    """Return how many items and results are stored beside those in step_states."""
    return [
        scalar(conn, f"select count(*) from pgflow.{table}")
        for table in ("map_items", "map_results")
    ]


def test_results_are_gathered_in_the_order_of_the_items(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(5)))
    tasks = claim_in_order(tx, worker_id)
    for index in (3, 0, 4, 1):
        complete(tx, [tasks[index]], [f"r{index}"])
        assert get_step(tx, run_id, "double")["status"] == "started"
    assert rows_of_maps(tx) == [5, 4]
    complete(tx, [tasks[2]], ["r2"])
    step = get_step(tx, run_id, "double")
    assert (step["status"], step["result"]) == ("completed", ["r0", "r1", "r2", "r3", "r4"])
    assert step["ended_at"] is not None
    assert rows_of_maps(tx) == [0, 0]
    [total] = claim_in_order(tx, worker_id)
    assert total.args == {"doubled": ["r0", "r1", "r2", "r3", "r4"]}


def test_all_items_in_one_batch_in_any_order(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2, 3])
    tasks = claim_in_order(tx, worker_id)[::-1]
    complete(tx, tasks, [task.args["item"] * 2 for task in tasks])
    assert get_step(tx, run_id, "double")["result"] == [2, 4, 6]


@pytest.mark.parametrize("result", [None, 0, "", [], {}, [None], {"a": [1.5]}], ids=str)
def test_any_json_value_is_the_result_of_an_item(tx: Conn, result: Any) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    one, two = claim_in_order(tx, worker_id)
    assert complete(tx, [one], [result]) == ["completed"]
    assert complete(tx, [one], [result]) == ["completed"]
    assert complete(tx, [two], [result]) == ["completed"]
    assert get_step(tx, run_id, "double")["result"] == [result, result]


def test_map_that_is_a_leaf_ends_the_run_with_its_last_item(tx: Conn) -> None:
    flow = a_flow("leaf", a_map("m", PayloadInput()), a_step("other"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "leaf", [1, 2])
    results = {"m": "x", "other": "y"}
    *most, last = claim_in_order(tx, worker_id)
    complete(tx, most, [results[task.step_slug] for task in most])
    assert get_run(tx, run_id)["status"] == "started"
    complete(tx, [last], [results[last.step_slug]])
    run = get_run(tx, run_id)
    assert (run["status"], run["output"]) == ("completed", {"m": ["x", "x"], "other": "y"})


def test_single_steps_and_items_of_many_runs_in_one_batch(tx: Conn) -> None:
    flow = a_flow(
        "mixed",
        a_step("single"),
        a_map("m", PayloadInput()),
        a_step("both", "single", "m", inputs={"list": ResultInput(step="m")}),
    )
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_ids = [start_run(tx, "mixed", list(range(count))) for count in (0, 1, 2, 3)]
    tasks = claim_in_order(tx, worker_id)
    assert len(tasks) == 4 + 6
    outcomes = complete(tx, tasks, [task.args.get("item", "s") for task in tasks])
    assert outcomes == ["completed"] * 10
    ready = {task.run_id: task.args["list"] for task in claim_in_order(tx, worker_id)}
    assert ready == {run_id: list(range(n)) for n, run_id in enumerate(run_ids)}


def test_every_attempt_of_an_item_is_kept(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    complete(tx, claim_in_order(tx, worker_id), [1, 2])
    of_items = [row for row in attempts(tx, run_id) if row[0] == "double"]
    assert of_items == [("double", 1, "completed")] * 2


def test_repeat_of_an_item_is_answered_again_before_and_after_the_end(tx: Conn) -> None:
    worker_id, _ = a_started_map(tx, [1, 2])
    one, two = claim_in_order(tx, worker_id)
    assert complete(tx, [one], ["a"]) == ["completed"]
    assert complete(tx, [one, two], ["a", "b"]) == ["completed"] * 2
    assert complete(tx, [two, one], ["b", "a"]) == ["completed"] * 2
    assert complete(tx, [two, one], ["a", "b"]) == ["stale"] * 2
    work_off_rest(tx, worker_id)
    assert complete(tx, [one], ["a"]) == ["completed"]


def work_off_rest(conn: Conn, worker_id: UUID) -> None:
    complete(conn, claim_in_order(conn, worker_id), ["end"])


def test_repeat_with_another_result_is_stale_and_changes_nothing(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    one, two = claim_in_order(tx, worker_id)
    complete(tx, [one], ["a"])
    assert complete(tx, [one], ["other"]) == ["stale"]
    complete(tx, [two], ["b"])
    assert complete(tx, [one], [["a", "b"]]) == ["stale"]
    assert get_step(tx, run_id, "double")["result"] == ["a", "b"]


def test_one_item_twice_in_a_batch_is_completed_once(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1])
    [task] = claim_in_order(tx, worker_id)
    assert complete(tx, [task, task], [1, 1]) == ["completed"] * 2
    assert get_step(tx, run_id, "double")["result"] == [1]


STALE: dict[str, dict[str, Any]] = {
    "another lease": {"lease_id": UUID(int=7)},
    "another index": {"task_index": 1},
    "an index that is not there": {"task_index": 99},
    "a negative index": {"task_index": -1},
    "another step": {"step_slug": "total"},
}


@pytest.mark.parametrize("wrong", STALE)
def test_report_that_names_another_item_changes_nothing(tx: Conn, wrong: str) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    one, _ = claim_in_order(tx, worker_id)
    assert complete(tx, [replace(one, **STALE[wrong])], ["x"]) == ["stale"]
    assert rows_of_maps(tx) == [2, 0]
    assert get_step(tx, run_id, "double")["tasks"]["running"] == 2


def test_released_item_waits_again_and_the_step_does_not_complete_without_it(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    one, two = claim_in_order(tx, worker_id)
    assert release(tx, [one]) == ["released"]
    assert complete(tx, [one, two], ["x", "b"]) == ["stale", "completed"]
    assert get_step(tx, run_id, "double")["status"] == "started"
    [again] = claim_in_order(tx, worker_id)
    assert (again.task_index, again.attempt, again.args) == (0, 1, {"item": 1})
    complete(tx, [again], ["a"])
    assert get_step(tx, run_id, "double")["result"] == ["a", "b"]


def test_complete_step_names_the_item(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    for task in claim_in_order(tx, worker_id)[::-1]:
        answer = scalar(
            tx,
            COMPLETE_STEP,
            [run_id, "double", task.lease_id, Jsonb(task.args["item"]), task.task_index],
        )
        assert answer == "completed"
    assert get_step(tx, run_id, "double")["result"] == [1, 2]


def test_complete_step_without_the_item_is_refused(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, [1, 2])
    _, second = claim_in_order(tx, worker_id)
    with refused(tx, "PF301") as refusal:
        scalar(
            tx,
            "select pgflow.complete_step(%s, 'double', %s, '1')",
            [run_id, second.lease_id],
        )
    assert refusal.details["task_index"] == 0


@pytest.mark.stress
def test_list_that_no_jsonb_can_hold_fails_its_run_and_no_other(tx: Conn) -> None:
    flow = a_mapped_list()
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    large, small = (start_run(tx, "mapped", {}) for _ in range(2))
    complete(tx, claim_in_order(tx, worker_id), [[1, 2], [1, 2]])
    # the budget of each is kept; what cannot be is the list of both
    tx.execute("update pgflow.contracts set max_result_bytes = 268435455")
    tasks = claim_in_order(tx, worker_id)
    tx.execute("create temp table big as select to_jsonb(repeat('x', 140000000)) as value")
    outcomes = column(
        tx,
        """
        select c.outcome
        from (
          select array_agg(
            case when run_id = %s then value else '1' end order by ordinal
          ) as results
          from unnest(%s::uuid[]) with ordinality as t (run_id, ordinal) cross join big
        ) as r
        cross join lateral pgflow.complete_tasks(%s, %s, %s, %s, r.results) as c
        order by c.ordinal
        """,
        [
            large,
            [task.run_id for task in tasks],
            [task.run_id for task in tasks],
            [task.step_slug for task in tasks],
            [task.task_index for task in tasks],
            [task.lease_id for task in tasks],
        ],
    )
    assert outcomes == ["completed"] * 4
    assert get_step(tx, small, "double")["result"] == [1, 1]
    run = get_run(tx, large)
    assert run["status"] == "failed"
    assert (run["error"]["step"], run["error"]["code"]) == ("double", "PF607")
    assert run["error"]["message"].startswith("the results of all items make a list")
    assert get_step(tx, large, "double")["tasks"]["completed"] == 2


def test_work_off_brings_a_map_to_its_end(tx: Conn) -> None:
    flow = a_flow("m", a_map("transcribe", PayloadInput()))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    start_run(tx, "m", list(range(250)))
    assert work_off(tx, worker_id) == 250
    assert column(tx, "select status from pgflow.runs") == ["completed"]
