"""A sleep ends by the clock, without a worker that waits for it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from tests.support.builders import (
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    get_run,
    get_step,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.waiting import a_sleep

from pgflow_manifest import FlowSpec, PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_sleepy_flow(**end: Any) -> FlowSpec:
    """Return plan -> pause (a sleep) -> act."""
    return a_flow("sleepy", a_step("plan"), a_sleep("pause", "plan", **end), a_step("act", "pause"))


def fall_asleep(conn: Conn, flow: FlowSpec, planned: Any = None, payload: Any = None) -> Any:
    """Bring a run to its sleep; return worker and run."""
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    run_id = start_run(conn, "sleepy", payload)
    complete(conn, claim(conn, worker_id), [planned])
    return worker_id, run_id


def sweep_at(conn: Conn, set_clock: SetClock, at: datetime, worker_id: UUID) -> int:
    """Let the time be *at* and sweep; return how many timers fired."""
    set_clock(conn, at)
    conn.execute("select pgflow.beat(%s)", [worker_id])
    fired: int = scalar(conn, "select fired from pgflow.sweep()")
    return fired


def test_next_step_starts_when_the_time_is_over_and_not_before(
    tx: Conn, set_clock: SetClock
) -> None:
    set_clock(tx, NOON)
    worker_id, run_id = fall_asleep(tx, a_sleepy_flow(seconds=3600))
    assert get_step(tx, run_id, "pause")["status"] == "started"
    assert scalar(tx, "select next_timer_seconds from pgflow.sweep()") == 3600
    assert sweep_at(tx, set_clock, NOON + timedelta(seconds=3599.9), worker_id) == 0
    assert claim(tx, worker_id) == []
    assert sweep_at(tx, set_clock, NOON + timedelta(hours=1), worker_id) == 1
    assert [task.step_slug for task in claim(tx, worker_id)] == ["act"]
    assert get_step(tx, run_id, "pause")["status"] == "completed"


@pytest.mark.parametrize(
    ("end", "seconds"),
    [(90, 90), (0.5, 0.5), ("2026-01-31T13:00:00+01:00", 0), ("2026-01-31T12:00:30Z", 30)],
)
def test_end_may_be_computed_by_a_step(
    tx: Conn, set_clock: SetClock, end: Any, seconds: float
) -> None:
    set_clock(tx, NOON)
    flow = a_sleepy_flow(until=ResultInput(step="plan", path=("at",)))
    worker_id, run_id = fall_asleep(tx, flow, {"at": end})
    if seconds:
        due = scalar(tx, "select due_at from pgflow.timers where run_id = %s", [run_id])
        assert due == NOON + timedelta(seconds=seconds)
    else:
        assert [task.step_slug for task in claim(tx, worker_id)] == ["act"]


def test_end_may_be_in_the_payload(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    flow = a_sleepy_flow(until=PayloadInput(path=("at",)))
    worker_id, _ = fall_asleep(tx, flow, payload={"at": 5})
    assert sweep_at(tx, set_clock, NOON + timedelta(seconds=5), worker_id) == 1


@pytest.mark.parametrize("end", ["soon", None, True, [], "9999999-01-01T00:00:00Z"], ids=str)
def test_end_that_is_no_time_fails_the_run_and_says_so(tx: Conn, end: Any) -> None:
    flow = a_sleepy_flow(until=ResultInput(step="plan"))
    _, run_id = fall_asleep(tx, flow, end)
    run = get_run(tx, run_id)
    assert (run["status"], run["error"]["code"], run["error"]["step"]) == (
        "failed",
        "PF621",
        "pause",
    )


def test_absurdly_long_sleep_is_a_long_sleep(tx: Conn) -> None:
    _, run_id = fall_asleep(tx, a_sleepy_flow(until=ResultInput(step="plan")), 1e300)
    assert get_step(tx, run_id, "pause")["status"] == "started"


def test_chain_of_sleeps_that_are_over_ends_in_one_call(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    first = a_sleep("s0", until=PayloadInput())
    further = [a_sleep(f"s{n}", f"s{n - 1}", seconds=0) for n in range(1, 300)]
    deploy(tx, a_flow("sleepy", first, *further))
    run_id = start_run(tx, "sleepy", 10)
    set_clock(tx, NOON + timedelta(seconds=10))
    assert scalar(tx, "select fired from pgflow.sweep()") == 1
    assert get_run(tx, run_id)["status"] == "completed"


def test_cancelled_run_sleeps_no_longer(tx: Conn) -> None:
    _, run_id = fall_asleep(tx, a_sleepy_flow(seconds=3600))
    tx.execute("select pgflow.cancel_run(%s)", [run_id])
    assert scalar(tx, "select count(*) from pgflow.timers") == 0
