"""How far a map of sub-flows is, in the document of its run, in what explains it, in an upgrade."""

from typing import Any
from uuid import UUID

import psycopg
from tests.support.builders import (
    STRING,
    a_flow,
    a_step,
    claim,
    column,
    complete,
    deploy,
    fail,
    get_run,
    get_step,
    scalar,
)
from tests.support.sub_flow_maps import a_begun_map, an_outer_flow, by_text, open_at_once, sweep

Conn = psycopg.Connection[Any]


def sub_run_ids(conn: Conn) -> list[str]:
    return column(conn, "select sub_run_id::text from pgflow.sub_runs order by task_index")


def explained(conn: Conn, run_id: UUID) -> list[tuple[Any, ...]]:
    return conn.execute(
        "select step_slug, task_index, reason, message, detail from pgflow.explain_run(%s)",
        [run_id],
    ).fetchall()


def test_document_tells_items_by_state_and_the_runs_that_are_open(tx: Conn) -> None:
    open_at_once(tx, 3)
    worker_id, run_id = a_begun_map(tx, [*"abcd", 7], on_failure="skip")
    tasks = by_text(claim(tx, worker_id))
    complete(tx, [tasks["a"]], ["A"])
    fail(tx, [tasks["b"]], retryable=False)
    sweep(tx)
    step = get_step(tx, run_id, "called")
    ids = sub_run_ids(tx)
    assert (step["kind"], step["status"], step["running"]) == ("flow", "started", False)
    assert step["tasks"] == {
        "total": 5,
        "completed": 1,
        "skipped": 2,
        "running": 2,
        "waiting": 0,
    }
    assert step["sub_run_id"] is None
    assert step["sub_runs"] == [
        {"task_index": 2, "run_id": ids[2]},
        {"task_index": 3, "run_id": ids[3]},
    ]


def test_document_names_five_of_the_runs(tx: Conn) -> None:
    worker_id, run_id = a_begun_map(tx, list("abcdefgh"))
    assert [run["task_index"] for run in get_step(tx, run_id, "called")["sub_runs"]] == [*range(5)]
    tasks = claim(tx, worker_id)
    complete(tx, tasks, [task.args["text"] for task in tasks])
    sweep(tx)
    step = get_step(tx, run_id, "called")
    assert step["sub_runs"] == [
        {"task_index": index, "run_id": run_id} for index, run_id in enumerate(sub_run_ids(tx)[:5])
    ]
    assert (step["tasks"]["total"], step["tasks"]["completed"]) == (8, 8)


def test_map_that_has_not_begun_has_neither(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, None, begin=False)
    step = get_step(tx, run_id, "called")
    assert (step["tasks"], step["sub_runs"]) == (None, None)


def test_failed_map_keeps_what_had_completed(tx: Conn) -> None:
    open_at_once(tx, 2)
    worker_id, run_id = a_begun_map(tx, list("abcd"))
    tasks = by_text(claim(tx, worker_id))
    complete(tx, [tasks["a"]], ["A"])
    sweep(tx)
    fail(tx, [tasks["b"]], retryable=False)
    sweep(tx)
    step = get_step(tx, run_id, "called")
    assert (step["status"], step["error"]["task_index"]) == ("failed", 1)
    assert step["tasks"] == {
        "total": 4,
        "completed": 1,
        "skipped": 0,
        "running": 0,
        "waiting": 0,
    }


def test_explanation_tells_how_far_it_is_and_names_ten_of_the_runs(tx: Conn) -> None:
    open_at_once(tx, 12)
    worker_id, run_id = a_begun_map(tx, ["a", 7, *("x" * 20)], on_failure="skip")
    complete(tx, [by_text(claim(tx, worker_id))["a"]], ["A"])
    sweep(tx)
    whole, *runs = explained(tx, run_id)[:-1]
    assert whole[:3] == ("called", None, "waits_for_runs")
    assert whole[3] == (
        "waits for runs of flow inner: 1 of 22 items have completed and 1 were skipped, "
        "12 runs are open, 8 are to begin"
    )
    assert whole[4]["tasks"]["waiting"] == 8
    assert [row[1] for row in runs] == [*range(2, 12)]
    assert {row[2] for row in runs} == {"waits_for_run"}
    ids = sub_run_ids(tx)
    assert runs[0][3] == f"waits for run {ids[1]} of flow inner"
    assert runs[0][4] == {"run_id": ids[1], "flow_slug": "inner", "tasks_count": 12}


def test_explanation_of_one_that_is_to_begin(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, ["a", "b"], begin=False)
    assert explained(tx, run_id)[0][3] == (
        "waits for runs of flow inner: 0 of 2 items have completed, 0 runs are open, 2 are to begin"
    )


def test_run_moves_to_another_version_while_its_map_is_at_work(tx: Conn) -> None:
    open_at_once(tx, 1)
    worker_id, run_id = a_begun_map(tx, ["a", "b"])
    deploy(tx, a_flow("outer", *an_outer_flow().steps[:1], a_step("later", "called")))
    row = tx.execute(
        "select outcome, to_version from pgflow.upgrade_runs(%s::uuid[])", [[run_id]]
    ).fetchone()
    assert row == ("upgraded", 2)
    for _ in "ab":
        tasks = claim(tx, worker_id)
        complete(tx, tasks, [task.args["text"] for task in tasks])
        sweep(tx)
    assert get_step(tx, run_id, "called")["result"] == ["a", "b"]
    assert get_step(tx, run_id, "later")["status"] == "started"


def test_map_at_work_keeps_its_contract(tx: Conn) -> None:
    _, run_id = a_begun_map(tx, ["a", "b"])
    deploy(tx, an_outer_flow(item_schema=STRING))
    problems = scalar(tx, "select problems from pgflow.upgrade_runs(%s::uuid[])", [[run_id]])
    assert problems == [
        {"step": "called", "reason": "it is at work on its items, for another contract"}
    ]
    assert get_run(tx, run_id)["version"] == 1
