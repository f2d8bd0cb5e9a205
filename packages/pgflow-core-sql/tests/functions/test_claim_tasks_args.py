"""claim_tasks: the arguments of a handler, gathered from payload and results, exactly."""

from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    DIAMOND_RESULTS,
    a_diamond,
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    register_worker,
    start_run,
)

from pgflow_manifest import FlowSpec, Input, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]


def args_of_dependent(conn: Conn, given: Input, payload: Any, result: Any) -> Any:
    """Return the args of a step that takes *given* and waits for one that returned *result*."""
    flow: FlowSpec = a_flow("f", a_step("first"), a_step("second", "first", inputs={"x": given}))
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    start_run(conn, "f", payload)
    complete(conn, claim(conn, worker_id), [result])
    [task] = claim(conn, worker_id)
    return task.args


def test_diamond_gets_whole_values_and_fields(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    start_run(tx, payload={"owner_id": "ada", "more": 1})
    args: dict[str, Any] = {}
    while tasks := claim(tx, worker_id):
        args |= {task.step_slug: task.args for task in tasks}
        complete(tx, tasks)
    assert args == {
        "transcribe": {"memo": {"owner_id": "ada", "more": 1}},
        "summarize": {"t": DIAMOND_RESULTS["transcribe"], "owner": "ada"},
        "capitalize": {"text": "hello"},
        "merge": {"summary": "short", "loud": "HELLO"},
    }


VALUE = {"list": [10, {"deep": [True, "end"]}], "": "empty key", "0": "digit key", "null": None}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), VALUE),
        (("list",), VALUE["list"]),
        (("list", 0), 10),
        (("list", 1, "deep", 1), "end"),
        (("list", -1, "deep", 0), True),
        (("0",), "digit key"),
        (("",), "empty key"),
        (("null",), None),
        (("missing",), None),
        (("list", 7), None),
        (("list", "x"), None),
        (("null", "below", "null"), None),
    ],
    ids=str,
)
@pytest.mark.parametrize("source", ["payload", "result"])
def test_path_leads_to_the_part(tx: Conn, source: str, path: Any, expected: Any) -> None:
    if source == "payload":
        args = args_of_dependent(tx, PayloadInput(path=path), VALUE, "unused")
    else:
        args = args_of_dependent(tx, ResultInput(step="first", path=path), {}, VALUE)
    assert args == {"x": expected}


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}, [None], "☃ \\ \" '"])
def test_any_json_value_arrives_as_it_is(tx: Conn, value: Any) -> None:
    assert args_of_dependent(tx, ResultInput(step="first"), {}, value) == {"x": value}
    payload = {"list": value}
    assert args_of_dependent(tx, PayloadInput(path=("list",)), payload, 0) == {"x": value}


def test_numbers_keep_every_digit(tx: Conn) -> None:
    flow = a_flow("f", a_step("only", inputs={"n": PayloadInput()}))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    tx.execute("select pgflow.start_flow('f', '1234567890123456789012345.6789012345')")
    row = tx.execute("select args ->> 'n' from pgflow.claim_tasks(%s, 1)", [worker_id]).fetchone()
    assert row == ("1234567890123456789012345.6789012345",)


def test_step_without_arguments_gets_an_empty_object(tx: Conn) -> None:
    flow = a_flow("f", a_step("first"), a_step("second", "first"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    start_run(tx, "f")
    [first] = claim(tx, worker_id)
    complete(tx, [first], ["ignored"])
    [second] = claim(tx, worker_id)
    assert (first.args, second.args) == ({}, {})


def test_runs_in_one_batch_do_not_get_each_others_values(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    runs = {start_run(tx, payload={"owner_id": name}): name for name in "abcdefgh"}
    tasks = claim(tx, worker_id)
    complete(tx, tasks, [{"transcription": f"said {runs[task.run_id]}"} for task in tasks])
    for task in claim(tx, worker_id):
        name = runs[task.run_id]
        expected = {
            "summarize": {"t": {"transcription": f"said {name}"}, "owner": name},
            "capitalize": {"text": f"said {name}"},
        }
        assert task.args == expected[task.step_slug]


def test_retry_gets_the_same_arguments(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    start_run(tx)
    [first] = claim(tx, worker_id)
    tx.execute(
        "select pgflow.release_tasks(%s, %s, %s, %s)",
        [[first.run_id], [first.step_slug], [first.task_index], [first.lease_id]],
    )
    [second] = claim(tx, worker_id)
    assert second.args == first.args
