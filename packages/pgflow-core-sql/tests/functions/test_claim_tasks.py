"""claim_tasks: waiting tasks become leases, of contracts that the worker has, one claimant each."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.support.builders import (
    a_diamond,
    a_flow,
    a_step,
    claim,
    deploy,
    fail,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def claim_rows(conn: Conn, worker_id: UUID, limit: int, seconds: float) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select * from pgflow.claim_tasks(%s, %s, %s)", [worker_id, limit, seconds])
        return cursor.fetchall()


def test_claimed_task_says_everything_the_worker_needs(tx: Conn, set_clock: SetClock) -> None:
    flow = a_diamond(options=FlowOptions(max_attempts=5, timeout_seconds=90))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    set_clock(tx, NOON)
    run_id = start_run(tx)
    [row] = claim_rows(tx, worker_id, 10, 20)
    assert isinstance(row.pop("lease_id"), UUID)
    contract_id = scalar(
        tx, "select contract_id from pgflow.steps where step_slug = %s", ["transcribe"]
    )
    assert row == {
        "run_id": run_id,
        "step_slug": "transcribe",
        "task_index": 0,
        "attempt": 1,
        "contract_id": contract_id,
        "leased_until": NOON + timedelta(seconds=20),
        "timeout_seconds": 90,
        "max_attempts": 5,
        "args": {"memo": {"owner_id": "ada"}},
    }


def test_claimed_task_is_not_claimed_again(tx: Conn) -> None:
    deploy(tx, a_diamond())
    first, second = register_worker(tx, a_diamond()), register_worker(tx, a_diamond())
    start_run(tx)
    assert len(claim(tx, first)) == 1
    assert claim(tx, first) == claim(tx, second) == []


def test_no_more_than_the_limit_is_claimed(tx: Conn) -> None:
    deploy(tx, a_diamond(), a_diamond("other"))
    worker_id = register_worker(tx, a_diamond(), a_diamond("other"))
    for _ in range(4):
        start_run(tx)
        start_run(tx, "other")
    assert [len(claim(tx, worker_id, 3)) for _ in range(4)] == [3, 3, 2, 0]


def test_handler_registered_twice_does_not_halve_the_limit(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond(), a_diamond())
    for _ in range(4):
        start_run(tx)
    assert len(claim(tx, worker_id, 4)) == 4


def test_oldest_task_of_a_step_is_claimed_first(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    started = []
    for minute in (2, 0, 1):
        set_clock(tx, NOON + timedelta(minutes=minute))
        started.append(start_run(tx))
    set_clock(tx, NOON + timedelta(minutes=3))
    claimed = [claim(tx, worker_id, 1)[0].run_id for _ in started]
    assert claimed == [started[1], started[2], started[0]]


def test_worker_gets_only_steps_that_it_has_handlers_for(tx: Conn) -> None:
    flow = a_flow("two", a_step("a"), a_step("b"))
    deploy(tx, flow)
    only_b = flow.model_copy(update={"steps": (flow.step("b"),)})
    worker_id = register_worker(tx, only_b)
    start_run(tx, "two")
    assert [task.step_slug for task in claim(tx, worker_id)] == ["b"]
    assert claim(tx, worker_id) == []


def test_handler_of_another_contract_does_not_get_the_task(tx: Conn) -> None:
    old = a_flow("f", a_step("a"))
    new = a_flow("f", a_step("a", result_schema={"type": "integer"}))
    deploy(tx, old)
    old_worker = register_worker(tx, old)
    old_run = start_run(tx, "f")
    deploy(tx, new)
    new_worker = register_worker(tx, new)
    new_run = start_run(tx, "f")
    assert [task.run_id for task in claim(tx, new_worker)] == [new_run]
    assert [task.run_id for task in claim(tx, old_worker)] == [old_run]


def test_unchanged_step_of_a_new_version_is_served_by_the_old_worker(tx: Conn) -> None:
    old = a_flow("f", a_step("a"))
    deploy(tx, old)
    worker_id = register_worker(tx, old)
    deploy(tx, a_flow("f", a_step("a"), a_step("b", "a")))
    run_id = start_run(tx, "f")
    assert [task.run_id for task in claim(tx, worker_id)] == [run_id]


def test_backlog_of_one_flow_does_not_starve_another(tx: Conn) -> None:
    flows = [a_flow(slug, a_step("only")) for slug in ("big", "small")]
    deploy(tx, *flows)
    worker_id = register_worker(tx, *flows)
    tx.execute("select pgflow.start_flows('big', array_fill('{}'::jsonb, array[200]))")
    run_id = start_run(tx, "small")
    # Each claim begins at a random contract: once in 2^60 all of them begin with the big one.
    for _ in range(60):
        if run_id in [task.run_id for task in claim(tx, worker_id, 2)]:
            return
    pytest.fail("the small flow was starved")


def test_retry_is_not_claimed_before_its_time(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    set_clock(tx, NOON)
    start_run(tx)
    fail(tx, claim(tx, worker_id), retry_after=60)
    set_clock(tx, NOON + timedelta(seconds=59.9))
    assert claim(tx, worker_id) == []
    set_clock(tx, NOON + timedelta(seconds=60))
    assert [task.attempt for task in claim(tx, worker_id)] == [2]


def test_every_claim_has_a_fresh_lease_id(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    start_run(tx)
    [first] = claim(tx, worker_id)
    fail(tx, [first], retry_after=0)
    [second] = claim(tx, worker_id)
    assert first.lease_id != second.lease_id


def test_claim_passes_over_tasks_that_another_session_is_claiming(
    conn: Conn, connect: Connect
) -> None:
    deploy(conn, a_diamond())
    worker_id = register_worker(conn, a_diamond())
    for _ in range(3):
        start_run(conn)
    other = connect()
    with other.transaction(force_rollback=True):
        taken = claim(other, worker_id, 2)
        rest = claim(conn, worker_id, 3)
        assert len(taken) == 2
        assert len(rest) == 1
    assert {task.run_id for task in claim(conn, worker_id)} == {task.run_id for task in taken}


def test_unknown_worker_is_refused(tx: Conn) -> None:
    worker_id = uuid4()
    with refused(tx, "PF104") as refusal:
        claim(tx, worker_id)
    assert refusal.details == {"worker_id": str(worker_id)}


@pytest.mark.parametrize("end", ["stop", "death"])
def test_ended_worker_must_register_again(tx: Conn, set_clock: SetClock, end: str) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond())
    if end == "stop":
        tx.execute("select pgflow.stop_worker(%s)", [worker_id])
    else:
        set_clock(tx, NOON + timedelta(seconds=31))
        tx.execute("select pgflow.sweep()")
    with refused(tx, "PF104"):
        claim(tx, worker_id)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [(0, 30), (-1, 30), (100_001, 30), (None, 30), (1, 0), (1, 86_401), (1, None), (1, "NaN")],
)
def test_limit_and_lease_out_of_range_are_refused(tx: Conn, limit: Any, seconds: Any) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    with refused(tx, "PF203") as refusal:
        tx.execute("select * from pgflow.claim_tasks(%s, %s, %s)", [worker_id, limit, seconds])
    assert refusal.details["p_limit"] == limit


def test_worker_is_idle_only_after_it_found_less_than_it_asked_for(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    idle = "select idle from pgflow.workers"
    for _ in range(3):
        start_run(tx)
    seen = []
    for limit in (2, 2, 1):
        claim(tx, worker_id, limit)
        seen.append(scalar(tx, idle))
    assert seen == [False, True, True]
    start_run(tx)
    claim(tx, worker_id, 1)
    assert scalar(tx, idle) is False


def test_worker_without_handlers_gets_nothing(tx: Conn) -> None:
    deploy(tx, a_diamond())
    start_run(tx)
    assert claim(tx, register_worker(tx)) == []
