"""Steps that wait are asked as any other whether they start, before anything of them waits."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_flow,
    a_step,
    claim,
    complete,
    get_run,
    get_step,
    scalar,
)
from tests.support.refusals import refused
from tests.support.ruled import (
    Document,
    a_ruled_flow,
    a_started_run,
    deploy_ruled,
    holds,
    is_true,
    of_payload,
    of_result,
    states,
)
from tests.support.waiting import a_signal, a_sleep, a_sub_flow

from pgflow_manifest import FlowOptions, PayloadInput, ResultInput, StepSpec

Conn = psycopg.Connection[Any]
WANTED = is_true(of_payload("wanted"))
YES, NO = {"wanted": True}, {"wanted": False}
WAITING: Mapping[str, StepSpec] = {
    "signal": a_signal("it", "first"),
    "sleep": a_sleep("it", "first", seconds=60),
    "flow": a_sub_flow("it", "inner", PayloadInput(), "first"),
}


def a_waiting_flow(kind: str, when_unmet: str = "skip", when: Document = WANTED) -> Document:
    """Return first -> it, which waits and has a condition -> last."""
    flow = a_flow("outer", a_step("first"), WAITING[kind], a_step("last", "it"))
    return a_ruled_flow(flow, {"it": {"when": when, "when_unmet": when_unmet}})


def start(conn: Conn, document: Document, payload: Any) -> tuple[UUID, UUID]:
    deploy_ruled(conn, a_ruled_flow(a_flow("inner", a_step("only"))))
    return a_started_run(conn, document, payload)


def begin(conn: Conn, document: Document, payload: Any, result: Any = 1) -> tuple[UUID, UUID]:
    """Bring a run to where the condition of `it` is asked; return worker and run."""
    worker_id, run_id = start(conn, document, payload)
    assert complete(conn, claim(conn, worker_id), [result]) == ["completed"]
    return worker_id, run_id


def send(conn: Conn, run_id: UUID, payload: Any) -> str:
    outcome: str = scalar(conn, "select pgflow.send_signal(%s, 'it', %s)", [run_id, Jsonb(payload)])
    return outcome


@pytest.mark.parametrize("kind", WAITING)
def test_condition_that_holds_lets_it_wait(tx: Conn, kind: str) -> None:
    _, run_id = begin(tx, a_waiting_flow(kind), YES)
    assert states(tx, run_id) == {"first": "completed", "it": "started"}


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize(
    ("when_unmet", "expected"),
    [
        ("skip", {"it": "skipped:condition_unmet", "last": "started"}),
        ("skip_cascade", {"it": "skipped:condition_unmet", "last": "skipped:dependency_skipped"}),
        ("fail", {"it": "failed"}),
    ],
)
def test_condition_that_does_not_hold_leaves_nothing_that_waits(
    tx: Conn, kind: str, when_unmet: str, expected: dict[str, str]
) -> None:
    _, run_id = begin(tx, a_waiting_flow(kind, when_unmet), NO)
    assert states(tx, run_id) == {"first": "completed", **expected}
    assert scalar(tx, "select count(*) from pgflow.timers") == 0
    assert scalar(tx, "select count(*) from pgflow.sub_runs") == 0
    if when_unmet == "fail":
        assert get_run(tx, run_id)["error"]["code"] == "PF610"


def test_condition_may_look_at_the_result_that_the_sleep_ends_by(tx: Conn) -> None:
    flow = a_flow("outer", a_step("first"), a_sleep("it", "first", until=ResultInput(step="first")))
    document = a_ruled_flow(flow, {"it": {"when": holds(">", of_result("first"), 10)}})
    _, short = begin(tx, document, None, result=5)
    assert states(tx, short) == {"first": "completed", "it": "skipped:condition_unmet"}
    _, long = begin(tx, document, None, result=50)
    assert states(tx, long) == {"first": "completed", "it": "started"}


def test_signal_that_came_early_is_of_no_use_to_a_step_that_is_skipped(tx: Conn) -> None:
    worker_id, run_id = start(tx, a_waiting_flow("signal"), NO)
    assert send(tx, run_id, 7) == "kept"
    complete(tx, claim(tx, worker_id), [1])
    assert get_step(tx, run_id, "it")["status"] == "skipped"
    assert get_step(tx, run_id, "it")["result"] is None
    assert send(tx, run_id, 7) == "repeated"
    complete(tx, claim(tx, worker_id), [2])
    assert get_run(tx, run_id)["status"] == "completed"


def test_signal_that_came_early_completes_a_step_whose_condition_holds(tx: Conn) -> None:
    worker_id, run_id = start(tx, a_waiting_flow("signal"), YES)
    assert send(tx, run_id, 7) == "kept"
    complete(tx, claim(tx, worker_id), [1])
    assert get_step(tx, run_id, "it")["result"] == 7


def test_signal_to_a_step_that_was_skipped_is_refused_and_says_why(tx: Conn) -> None:
    _, run_id = begin(tx, a_waiting_flow("signal"), NO)
    with refused(tx, "PF306") as refusal:
        send(tx, run_id, 7)
    assert "the step is skipped" in refusal.message
    assert "condition did not hold" in refusal.hint


def test_sleep_that_may_fail_is_skipped_if_that_is_its_policy(tx: Conn) -> None:
    flow = a_flow("outer", a_step("first"), a_sleep("it", "first", until=ResultInput(step="first")))
    document = a_ruled_flow(flow, {"it": {"on_failure": "skip"}})
    _, run_id = begin(tx, document, None, result="soon")
    assert states(tx, run_id) == {"first": "completed", "it": "skipped:handler_failed"}
    assert get_run(tx, run_id)["status"] == "completed"


def test_timeout_of_the_flow_is_for_attempts_and_not_for_signals(tx: Conn) -> None:
    flow = a_flow("outer", a_signal("it")).model_copy(
        update={"options": FlowOptions(timeout_seconds=30)}
    )
    _, run_id = a_started_run(tx, a_ruled_flow(flow))
    assert get_step(tx, run_id, "it")["status"] == "started"
    assert scalar(tx, "select count(*) from pgflow.timers") == 0


@pytest.mark.parametrize("kind", WAITING)
def test_step_that_is_skipped_beside_one_that_begins_to_wait_is_not_forgotten(
    tx: Conn, kind: str
) -> None:
    flow = a_flow(
        "outer", a_step("first"), WAITING[kind], a_step("other", "first"), a_step("then", "other")
    )
    worker_id, run_id = begin(tx, a_ruled_flow(flow, {"other": {"when": WANTED}}), NO)
    assert states(tx, run_id)["other"] == "skipped:condition_unmet"
    assert states(tx, run_id)["then"] == "started"
    assert "then" in [task.step_slug for task in claim(tx, worker_id)]
