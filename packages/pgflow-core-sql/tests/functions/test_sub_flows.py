"""A step that starts a run of another flow ends as that run ends, and never before."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
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
    register_worker,
    scalar,
    start_run,
)
from tests.support.waiting import a_sub_flow

from pgflow_manifest import FlowSpec, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
INNER = a_flow("inner", a_step("work", inputs={"text": PayloadInput()}), payload_schema=STRING)


def an_outer_flow(**more: Any) -> FlowSpec:
    """Return before -> called (a run of `inner`) -> after."""
    return a_flow(
        "outer",
        a_step("before"),
        a_sub_flow("called", "inner", ResultInput(step="before"), **more),
        a_step("after", "called", inputs={"given": ResultInput(step="called")}),
    )


def call(conn: Conn, payload: Any, **more: Any) -> tuple[UUID, UUID]:
    """Bring a run to where its sub-run is started; return worker and run."""
    outer = an_outer_flow(**more)
    deploy(conn, INNER, outer)
    worker_id = register_worker(conn, INNER, outer)
    run_id = start_run(conn, "outer", 1)
    complete(conn, claim(conn, worker_id), [payload])
    return worker_id, run_id


def sub_run_of(conn: Conn, run_id: UUID) -> UUID:
    found: UUID = scalar(conn, "select sub_run_id from pgflow.sub_runs where run_id = %s", [run_id])
    return found


def sweep(conn: Conn) -> int:
    fired: int = scalar(conn, "select fired from pgflow.sweep()")
    return fired


def test_sub_run_starts_with_the_payload_and_belongs_to_the_same_owner(tx: Conn) -> None:
    worker_id, run_id = call(tx, "hello")
    [task] = claim(tx, worker_id)
    assert (task.run_id, task.step_slug, task.args) == (
        sub_run_of(tx, run_id),
        "work",
        {"text": "hello"},
    )
    assert get_run(tx, task.run_id)["owner"] == get_run(tx, run_id)["owner"]
    assert get_step(tx, run_id, "called")["status"] == "started"


@pytest.mark.parametrize(("flow_step", "result"), [(None, {"work": 42}), ("work", 42)])
def test_step_has_the_run_output_or_the_result_of_one_step(
    tx: Conn, flow_step: str | None, result: Any
) -> None:
    worker_id, run_id = call(tx, "hello", flow_step=flow_step)
    complete(tx, claim(tx, worker_id), [42])
    assert claim(tx, worker_id) == []
    assert sweep(tx) == 1
    [after] = claim(tx, worker_id)
    assert (after.run_id, after.args) == (run_id, {"given": result})


def test_result_that_does_not_fit_what_the_step_was_compiled_with_fails_it(tx: Conn) -> None:
    worker_id, run_id = call(tx, "hello", flow_step="work", result_schema=STRING)
    complete(tx, claim(tx, worker_id), [42])
    sweep(tx)
    assert get_run(tx, run_id)["error"]["code"] == "PF606"


def test_failure_goes_up_with_its_error(tx: Conn) -> None:
    worker_id, run_id = call(tx, "hello")
    fail(tx, claim(tx, worker_id), retryable=False, message="no luck")
    assert get_run(tx, run_id)["status"] == "started"
    sweep(tx)
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["code"]) == ("failed", "PF630")
    assert run["error"]["sub_run_id"] == str(sub_run_of(tx, run_id))
    assert run["error"]["error"]["message"] == "no luck"


def test_cancelling_goes_down(tx: Conn) -> None:
    _, run_id = call(tx, "hello")
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    sweep(tx)
    sub_run = get_run(tx, sub_run_of(tx, run_id))
    assert sub_run["status"] == "cancelled"
    assert str(run_id) in sub_run["error"]["reason"]


def test_payload_that_does_not_fit_starts_nothing_and_fails_the_step(tx: Conn) -> None:
    _, run_id = call(tx, 7)
    assert get_run(tx, run_id)["error"]["code"] == "PF630"
    assert column(tx, "select flow_slug from pgflow.runs") == ["outer"]


def test_policy_of_the_step_holds_for_its_sub_run(tx: Conn) -> None:
    outer = an_outer_flow()
    steps = tuple(
        step.model_copy(update={"on_failure": "skip"}) if step.slug == "called" else step
        for step in outer.steps
    )
    outer = a_flow("outer", *steps)
    deploy(tx, INNER, outer)
    worker_id = register_worker(tx, INNER, outer)
    run_id = start_run(tx, "outer", 1)
    complete(tx, claim(tx, worker_id), ["hello"])
    fail(tx, claim(tx, worker_id), retryable=False)
    sweep(tx)
    [after] = claim(tx, worker_id)
    assert (after.run_id, after.args) == (run_id, {"given": None})


def test_many_sub_runs_of_many_runs_end_in_one_sweep(tx: Conn) -> None:
    outer = a_flow("outer", a_sub_flow("called", "inner", PayloadInput()))
    deploy(tx, INNER, outer)
    worker_id = register_worker(tx, INNER, outer)
    for _ in range(40):
        start_run(tx, "outer", "hello")
    tasks = claim(tx, worker_id)
    complete(tx, tasks, [1] * 40)
    assert sweep(tx) == 40
    assert column(tx, "select distinct status from pgflow.runs") == ["completed"]
