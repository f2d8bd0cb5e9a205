"""fail_tasks: another attempt after a delay, or the end of the step and its run."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

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
    extend,
    fail,
    get_run,
    get_step,
    keys,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions, StepOptions

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
FAIL = """select * from pgflow.fail_tasks(
    %s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::jsonb[], %s::boolean[], %s::float8[])"""


def two_branches(**options: Any) -> Any:
    return a_flow("f", a_step("a"), a_step("b"), options=FlowOptions(jitter=0, **options))


def delays(conn: Conn, set_clock: SetClock, options: FlowOptions) -> list[float]:
    """Fail every attempt at once; return the seconds until each next one."""
    set_clock(conn, NOON)
    worker_id, task = a_claimed_task(conn, a_diamond(options=options))
    seen = []
    now = NOON
    while fail(conn, [task]) == ["retried"]:
        due = datetime.fromisoformat(get_step(conn, task.run_id, "transcribe")["retry_at"])
        seen.append((due - now).total_seconds())
        now = due
        set_clock(conn, now)
        [task] = claim(conn, worker_id)
    return seen


def test_delay_doubles_up_to_its_cap(tx: Conn, set_clock: SetClock) -> None:
    options = FlowOptions(max_attempts=7, base_delay_seconds=2, max_delay_seconds=20, jitter=0)
    assert delays(tx, set_clock, options) == [2, 4, 8, 16, 20, 20]


def test_jitter_takes_away_at_most_its_share(tx: Conn, set_clock: SetClock) -> None:
    options = FlowOptions(max_attempts=60, base_delay_seconds=8, max_delay_seconds=8, jitter=0.25)
    seen = delays(tx, set_clock, options)
    assert all(6 <= delay <= 8 for delay in seen)
    assert len(set(seen)) > 30


def test_thousandth_attempt_does_not_overflow(tx: Conn) -> None:
    query = (
        "select extract(epoch from"
        " pgflow._retry_delay(1000, 86400, 2592000, 0, 'exponential'))::float8"
    )
    assert scalar(tx, query) == 2_592_000


def test_retry_counts_attempts_and_gives_up_after_the_last(tx: Conn) -> None:
    flow = a_diamond(options=FlowOptions(max_attempts=3, base_delay_seconds=0, jitter=0))
    worker_id, task = a_claimed_task(tx, flow)
    assert fail(tx, [task]) == ["retried"]
    [second] = claim(tx, worker_id)
    assert fail(tx, [second]) == ["retried"]
    [third] = claim(tx, worker_id)
    assert fail(tx, [third]) == ["failed"]
    assert [task.attempt, second.attempt, third.attempt] == [1, 2, 3]
    assert get_run(tx, task.run_id)["status"] == "failed"
    assert [outcome for _, _, outcome in attempts(tx, task.run_id)] == ["failed"] * 3


def test_give_up_fails_at_the_first_attempt(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    assert fail(tx, [task], retryable=False) == ["failed"]
    assert get_run(tx, task.run_id)["status"] == "failed"


def test_option_of_the_step_wins_over_that_of_the_flow(tx: Conn) -> None:
    flow = a_flow(
        "f",
        a_step("a", options=StepOptions(max_attempts=1)),
        options=FlowOptions(max_attempts=9, jitter=0),
    )
    _, task = a_claimed_task(tx, flow)
    assert fail(tx, [task]) == ["failed"]


@pytest.mark.parametrize(("after", "seconds"), [(0, 0), (90.5, 90.5), (-5, 0)])
def test_handler_may_choose_the_delay(
    tx: Conn, set_clock: SetClock, after: float, seconds: float
) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    fail(tx, [task], retry_after=after)
    due = scalar(tx, "select available_at from pgflow.tasks")
    assert due == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("after", [math.inf, math.nan, 1e300])
def test_endless_delay_is_a_year_and_does_not_take_the_batch_down(
    tx: Conn, set_clock: SetClock, after: float
) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    assert fail(tx, [task], retry_after=after) == ["retried"]
    assert scalar(tx, "select available_at from pgflow.tasks") == NOON + timedelta(days=365)


def test_chosen_delay_does_not_give_another_attempt(tx: Conn) -> None:
    flow = a_diamond(options=FlowOptions(max_attempts=1))
    _, task = a_claimed_task(tx, flow)
    assert fail(tx, [task], retry_after=5) == ["failed"]


def test_answer_tells_when_the_next_attempt_is(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    error = [Jsonb({"message": "boom"})]
    rows = tx.execute(FAIL, [*keys([task]), error, [True], [7]]).fetchall()
    assert rows == [(1, "retried", NOON + timedelta(seconds=7))]


def test_error_is_kept_with_the_attempt_the_step_and_the_run(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    fail(tx, [task], retryable=False, message="no such bucket")
    error = {"code": "PF603", "type": "ValueError", "message": "no such bucket"}
    assert get_step(tx, task.run_id, "transcribe")["error"] == error
    assert get_run(tx, task.run_id)["error"] == {"step": "transcribe", **error}
    assert scalar(tx, "select error from pgflow.attempts") == error


def test_failed_run_leaves_nothing_waiting_and_nothing_leased(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"), a_step("b"), a_step("c"), a_step("after", "a"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f")
    tasks = {task.step_slug: task for task in claim(tx, worker_id, 2)}
    failing, sibling = tasks.values()
    fail(tx, [failing], retryable=False)
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert scalar(tx, "select count(*) from pgflow.leases") == 0
    statuses = {step["slug"]: step["status"] for step in get_run(tx, run_id)["steps"]}
    assert statuses.pop(failing.step_slug) == "failed"
    assert set(statuses.values()) == {"cancelled"}
    assert (sibling.step_slug, 1, "cancelled") in attempts(tx, run_id)


def test_late_report_of_a_sibling_after_the_failure_is_stale(tx: Conn) -> None:
    flow = two_branches()
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f")
    failing, sibling = claim(tx, worker_id)
    fail(tx, [failing], retryable=False)
    assert complete(tx, [sibling], ["late"]) == ["stale"]
    assert fail(tx, [sibling]) == ["stale"]
    assert release(tx, [sibling]) == ["stale"]
    assert extend(tx, [sibling]) == [None]
    run = get_run(tx, run_id)
    assert run["status"] == "failed"
    assert run["output"] is None


def test_completed_steps_keep_their_results_in_a_failed_run(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    complete(tx, [task])
    fail(tx, claim(tx, worker_id)[:1], retryable=False)
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["status"], step["result"]) == ("completed", {"transcription": "hello"})


def test_two_steps_of_one_run_failing_in_one_batch_fail_it_for_one_reason(tx: Conn) -> None:
    flow = two_branches()
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f")
    assert fail(tx, claim(tx, worker_id), retryable=False) == ["failed", "failed"]
    run = get_run(tx, run_id)
    assert run["error"]["step"] == "a"
    assert [step["status"] for step in run["steps"]] == ["failed", "failed"]


def test_task_whose_run_fails_by_another_of_the_batch_is_not_said_to_be_retried(tx: Conn) -> None:
    flow = two_branches()
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    run_id = start_run(tx, "f")
    tasks = sorted(claim(tx, worker_id), key=lambda task: task.step_slug)
    error = Jsonb({"message": "boom"})
    rows = tx.execute(FAIL, [*keys(tasks), [error] * 2, [True, False], [None, None]]).fetchall()
    assert rows == [(1, "failed", None), (2, "failed", None)]
    assert scalar(tx, "select count(*) from pgflow.tasks") == 0
    assert [step["status"] for step in get_run(tx, run_id)["steps"]] == ["cancelled", "failed"]
    assert sorted(attempts(tx, run_id)) == [("a", 1, "failed"), ("b", 1, "failed")]


def test_batch_answers_per_task(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    retried, stale, failed = claim(tx, worker_id)
    release(tx, [stale])
    error = Jsonb({"message": "boom"})
    batch = [*keys([retried, stale, failed]), [error] * 3, [True, True, False], [None] * 3]
    outcomes = [row[1] for row in tx.execute(FAIL, batch)]
    assert outcomes == ["retried", "stale", "failed"]
    assert get_run(tx, stale.run_id)["status"] == "started"


def test_failure_reported_twice_is_stale_and_counts_once(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    assert fail(tx, [task]) == ["retried"]
    assert fail(tx, [task]) == ["stale"]
    assert attempts(tx, task.run_id) == [("transcribe", 1, "failed")]


def test_one_task_twice_in_a_batch_fails_once(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    assert set(fail(tx, [task, task])) == {"retried"}
    assert attempts(tx, task.run_id) == [("transcribe", 1, "failed")]


@pytest.mark.parametrize("error", [None, Jsonb("text"), Jsonb(None), Jsonb([1])], ids=str)
def test_odd_error_documents_do_not_take_the_batch_down(tx: Conn, error: Any) -> None:
    _, task = a_claimed_task(tx)
    rows = tx.execute(FAIL, [*keys([task]), [error], [False], [None]]).fetchall()
    assert rows[0][1] == "failed"


def test_arrays_that_do_not_fit_are_refused(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    with refused(tx, "PF209"):
        tx.execute(FAIL, [*keys([task]), [], [True], [None]])


def test_frozen_snapshot_is_refused(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level repeatable read")
        fail(conn, [task])


def test_fewer_attempts_deployed_later_count_for_runs_that_exist(tx: Conn) -> None:
    _, task = a_claimed_task(tx, a_diamond(options=FlowOptions(max_attempts=5)))
    deploy(tx, a_diamond(options=FlowOptions(max_attempts=1)))
    assert fail(tx, [task]) == ["failed"]
