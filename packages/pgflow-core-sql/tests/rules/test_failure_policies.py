"""on_failure: a step that fails for good is skipped, with or without what waits for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    STRING,
    a_flow,
    a_map,
    a_step,
    attempts,
    claim,
    claim_in_order,
    complete,
    exchange,
    fail,
    get_run,
    get_step,
    scalar,
)
from tests.support.fix_clock import SetClock
from tests.support.ruled import (
    Document,
    a_ruled_flow,
    a_started_run,
    holds,
    of_result,
    states,
)

from pgflow_manifest import FlowOptions, PayloadInput, ResultInput, StepOptions

Conn = psycopg.Connection[Any]
STRING_OR_NULL = {"type": ["string", "null"]}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ONCE = FlowOptions(max_attempts=1, jitter=0)
BOOM = {"code": "PF603", "type": "ValueError", "message": "boom"}


def a_line(on_failure: str, **rules: dict[str, Any]) -> Document:
    """Return risky -> use -> last; the first one has the policy."""
    return a_ruled_flow(
        a_flow(
            "line",
            a_step("risky", inputs={"given": PayloadInput()}, result_schema=STRING),
            a_step("use", "risky", inputs={"found": ResultInput(step="risky")}),
            a_step("last", "use"),
            options=ONCE,
        ),
        {"risky": {"on_failure": on_failure}, **rules},
    )


def a_mapped_line(on_failure: str, max_attempts: int = 1) -> Document:
    """Return each (a map over the payload) -> use; the map has the policy."""
    return a_ruled_flow(
        a_flow(
            "mapped",
            a_map("each", PayloadInput(), item_schema=STRING_OR_NULL),
            a_step("use", "each", inputs={"found": ResultInput(step="each")}),
            options=FlowOptions(max_attempts=max_attempts, jitter=0, base_delay_seconds=0),
        ),
        {"each": {"on_failure": on_failure}},
    )


def nothing_is_left(conn: Conn) -> bool:
    count: int = scalar(
        conn,
        "select (select count(*) from pgflow.tasks) + (select count(*) from pgflow.leases)"
        " + (select count(*) from pgflow.map_items) + (select count(*) from pgflow.map_results)",
    )
    return count == 0


def test_failed_step_is_skipped_and_the_run_goes_on(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_line("skip"))
    assert fail(tx, claim(tx, worker_id)) == ["failed"]
    step = get_step(tx, run_id, "risky")
    assert (step["status"], step["skip_reason"], step["error"]) == (
        "skipped",
        "handler_failed",
        BOOM,
    )
    assert attempts(tx, run_id) == [("risky", 1, "failed")]
    [task] = claim(tx, worker_id)
    assert (task.step_slug, task.args) == ("use", {"found": None})
    complete(tx, [task], [1])
    complete(tx, claim(tx, worker_id), [2])
    run = get_run(tx, run_id)
    assert (run["status"], run["output"], run["error"]) == ("completed", {"last": 2}, None)


def test_failed_step_with_cascade_takes_along_what_waits_for_it(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_line("skip_cascade"))
    assert fail(tx, claim(tx, worker_id)) == ["failed"]
    assert states(tx, run_id) == {
        "risky": "skipped:handler_failed",
        "use": "skipped:dependency_skipped",
        "last": "skipped:dependency_skipped",
    }
    run = get_run(tx, run_id)
    assert (run["status"], run["output"]) == ("completed", {"last": None})


def test_only_the_last_attempt_skips(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_ruled_flow(
        a_flow("f", a_step("a", options=StepOptions(max_attempts=2))), {"a": {"on_failure": "skip"}}
    )
    worker_id, run_id = a_started_run(tx, flow)
    assert fail(tx, claim(tx, worker_id)) == ["retried"]
    assert states(tx, run_id) == {"a": "started"}
    set_clock(tx, NOON + timedelta(seconds=1))
    assert fail(tx, claim(tx, worker_id)) == ["failed"]
    assert states(tx, run_id) == {"a": "skipped:handler_failed"}
    assert get_run(tx, run_id)["status"] == "completed"


def test_giving_up_skips_at_once(tx: Conn) -> None:
    flow = a_ruled_flow(a_flow("f", a_step("a")), {"a": {"on_failure": "skip"}})
    worker_id, run_id = a_started_run(tx, flow)
    assert fail(tx, claim(tx, worker_id), retryable=False) == ["failed"]
    assert states(tx, run_id) == {"a": "skipped:handler_failed"}


@pytest.mark.parametrize("by_exchange", [True, False])
def test_result_that_does_not_fit_is_skipped_too(tx: Conn, by_exchange: bool) -> None:
    worker_id, run_id = a_started_run(tx, a_line("skip"))
    tasks = claim(tx, worker_id)
    if by_exchange:
        outcomes, [use] = exchange(tx, worker_id, tasks, results=[7])
        assert outcomes == {1: "failed"}
    else:
        assert complete(tx, tasks, [7]) == ["failed"]
        [use] = claim(tx, worker_id)
    assert use.args == {"found": None}
    step = get_step(tx, run_id, "risky")
    assert (step["status"], step["error"]["code"]) == ("skipped", "PF606")
    assert complete(tx, tasks, [7]) == ["failed"]
    assert complete(tx, tasks, ["fits"]) == ["failed"]


def test_last_attempt_that_expires_is_skipped(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = a_started_run(tx, a_line("skip_cascade"))
    claim(tx, worker_id, lease_seconds=10)
    set_clock(tx, NOON + timedelta(seconds=11))
    assert tx.execute("select expired from pgflow.sweep()").fetchall() == [(1,)]
    step = get_step(tx, run_id, "risky")
    assert (step["status"], step["error"]["code"]) == ("skipped", "PF604")
    assert attempts(tx, run_id) == [("risky", 1, "expired")]
    assert get_run(tx, run_id)["status"] == "completed"


def test_skip_after_a_failure_can_still_fail_the_run(tx: Conn) -> None:
    line = a_line("skip", use={"when": holds("!=", of_result("risky"), None), "when_unmet": "fail"})
    worker_id, run_id = a_started_run(tx, line)
    fail(tx, claim(tx, worker_id))
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["code"], run["error"]["step"]) == ("failed", "PF610", "use")
    assert states(tx, run_id) == {"risky": "skipped:handler_failed", "use": "failed"}


def test_run_fails_when_another_step_of_the_batch_does(tx: Conn) -> None:
    flow = a_ruled_flow(
        a_flow("f", a_step("a"), a_step("b"), a_step("c", "a"), options=ONCE),
        {"a": {"on_failure": "skip"}},
    )
    worker_id, run_id = a_started_run(tx, flow)
    assert fail(tx, claim(tx, worker_id)) == ["failed", "failed"]
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]) == ("failed", {"step": "b", **BOOM})
    assert states(tx, run_id) == {"a": "skipped:handler_failed", "b": "failed"}
    assert nothing_is_left(tx)


def test_retry_that_another_one_of_the_batch_makes_vain_is_told_as_failed(tx: Conn) -> None:
    flow = a_ruled_flow(a_flow("f", a_step("a"), a_step("b", options=StepOptions(max_attempts=1))))
    worker_id, run_id = a_started_run(tx, flow)
    assert fail(tx, claim(tx, worker_id)) == ["failed", "failed"]
    assert get_run(tx, run_id)["error"]["step"] == "b"
    assert nothing_is_left(tx)


def test_skips_and_runs_that_fail_leave_the_other_runs_of_the_batch_alone(tx: Conn) -> None:
    worker_id, first = a_started_run(tx, a_line("skip"))
    others = [scalar(tx, "select pgflow.start_flow('line', '1')") for _ in range(3)]
    fail(tx, claim(tx, worker_id))
    assert {task.run_id for task in claim(tx, worker_id)} == {first, *others}


def test_failed_item_leaves_null_in_the_list_of_its_map(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip"), ["a", "b", "c", "d"])
    one, two, three, four = claim_in_order(tx, worker_id)
    assert fail(tx, [two]) == ["failed"]
    assert get_step(tx, run_id, "each")["tasks"] == {
        "total": 4,
        "completed": 0,
        "skipped": 1,
        "running": 3,
        "waiting": 0,
    }
    assert complete(tx, [one, three], ["A", 7]) == ["completed", "failed"]
    assert complete(tx, [four], ["D"]) == ["completed"]
    step = get_step(tx, run_id, "each")
    assert (step["status"], step["result"], step["error"]) == (
        "completed",
        ["A", None, None, "D"],
        None,
    )
    assert step["tasks"] == {
        "total": 4,
        "completed": 2,
        "skipped": 2,
        "running": 0,
        "waiting": 0,
    }
    [use] = claim(tx, worker_id)
    assert use.args == {"found": ["A", None, None, "D"]}
    assert complete(tx, [one, four], ["A", "D"]) == ["completed"] * 2


def test_list_is_gathered_when_the_last_item_is_the_one_that_fails(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip"), ["a", "b"])
    one, two = claim_in_order(tx, worker_id)
    complete(tx, [one], ["A"])
    assert fail(tx, [two]) == ["failed"]
    assert get_step(tx, run_id, "each")["result"] == ["A", None]
    [use] = claim(tx, worker_id)
    complete(tx, [use], [1])
    assert get_run(tx, run_id)["status"] == "completed"


def test_map_of_which_every_item_fails_is_a_list_of_nulls(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip", 2), ["a", "b", "c"])
    assert fail(tx, claim(tx, worker_id)) == ["retried"] * 3
    assert fail(tx, claim(tx, worker_id)) == ["failed"] * 3
    assert get_step(tx, run_id, "each")["result"] == [None, None, None]


def test_first_failed_item_skips_the_whole_map_with_cascade(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip_cascade", 2), list("abcdef"))
    one, two, three, four = claim_in_order(tx, worker_id, 4)
    complete(tx, [one], ["A"])
    assert fail(tx, [two, three], retryable=False) == ["failed"] * 2
    assert states(tx, run_id) == {
        "each": "skipped:handler_failed",
        "use": "skipped:dependency_skipped",
    }
    step = get_step(tx, run_id, "each")
    assert step["error"] == {**BOOM, "task_index": 1}
    assert step["tasks"] == {
        "total": 6,
        "completed": 1,
        "skipped": 0,
        "running": 0,
        "waiting": 0,
    }
    assert nothing_is_left(tx)
    assert complete(tx, [four], ["D"]) == ["stale"]
    assert claim(tx, worker_id) == []
    assert get_run(tx, run_id)["status"] == "completed"
    assert attempts(tx, run_id).count(("each", 1, "cancelled")) == 1


def test_retry_of_an_item_whose_map_is_skipped_by_another_one_is_told_as_failed(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip_cascade", 2), ["a", "b"])
    one, two = claim_in_order(tx, worker_id)
    fail(tx, [one], retry_after=0)
    [again] = claim(tx, worker_id)
    assert sorted(fail(tx, [again, two])) == ["failed", "failed"]
    assert states(tx, run_id)["each"] == "skipped:handler_failed"
    assert nothing_is_left(tx)


@pytest.mark.parametrize(("policy", "status"), [("skip", "failed"), ("skip_cascade", "completed")])
def test_what_is_no_list_is_skipped_only_with_cascade(tx: Conn, policy: str, status: str) -> None:
    _, run_id = a_started_run(tx, a_mapped_line(policy), "no list")
    run = get_run(tx, run_id)
    assert run["status"] == status
    step = get_step(tx, run_id, "each")
    assert step["error"]["code"] == "PF609"
    assert step["tasks"] is None
    assert (step["status"] == "skipped") is (policy == "skip_cascade")


def test_cancel_ends_a_map_that_has_skipped_items(tx: Conn) -> None:
    worker_id, run_id = a_started_run(tx, a_mapped_line("skip"), ["a", "b", "c"])
    one, two, _ = claim_in_order(tx, worker_id)
    fail(tx, [one])
    complete(tx, [two], ["B"])
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert get_step(tx, run_id, "each")["tasks"] == {
        "total": 3,
        "completed": 1,
        "skipped": 1,
        "running": 0,
        "waiting": 0,
    }
    assert nothing_is_left(tx)


def test_condition_sees_the_null_of_a_skipped_item(tx: Conn) -> None:
    document = a_mapped_line("skip")
    document["steps"][1]["when"] = {"op": "not", "of": holds("contains", of_result("each"), None)}
    worker_id, run_id = a_started_run(tx, document, ["a", "b"])
    one, two = claim_in_order(tx, worker_id)
    fail(tx, [one])
    complete(tx, [two], ["B"])
    assert states(tx, run_id) == {"each": "completed", "use": "skipped:condition_unmet"}
