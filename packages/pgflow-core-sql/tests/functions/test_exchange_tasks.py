"""exchange_tasks: report and claim in one call; what the report makes ready is handed over."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    DIAMOND_RESULTS,
    STRING,
    Claimed,
    a_claimed_task,
    a_diamond,
    a_flow,
    a_step,
    attempts,
    claim,
    column,
    complete,
    deploy,
    exchange,
    fail,
    get_run,
    get_step,
    keys,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import Connect
from tests.support.refusals import refused

from pgflow_manifest import FlowSpec

Conn = psycopg.Connection[Any]
CHAIN = a_flow("chain", a_step("first"), a_step("second", "first"))


def slugs(tasks: list[Claimed]) -> list[str]:
    return sorted(task.step_slug for task in tasks)


def queued(conn: Conn) -> list[str]:
    return column(conn, "select step_slug from pgflow.tasks order by step_slug")


def several_claimed(conn: Conn, flow: FlowSpec, count: int) -> tuple[UUID, list[Claimed]]:
    """Deploy *flow*, start *count* runs, and claim what they begin with."""
    deploy(conn, flow)
    worker_id = register_worker(conn, flow)
    for _ in range(count):
        start_run(conn, flow.slug)
    return worker_id, claim(conn, worker_id)


def test_steps_that_become_ready_are_handed_to_the_worker(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    outcomes, claimed = exchange(tx, worker_id, [task], 10)
    assert outcomes == {}
    assert slugs(claimed) == ["capitalize", "summarize"]
    assert queued(tx) == []
    assert column(tx, "select distinct worker_id from pgflow.leases") == [worker_id]
    assert get_step(tx, task.run_id, "transcribe")["status"] == "completed"
    assert get_step(tx, task.run_id, "summarize")["running"]


def test_run_is_worked_off_without_its_steps_ever_waiting_in_the_queue(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    tasks = [task]
    done: list[str] = []
    while tasks:
        done += slugs(tasks)
        _, tasks = exchange(tx, worker_id, tasks)
        assert queued(tx) == []
    assert done == ["transcribe", "capitalize", "summarize", "merge"]
    assert get_run(tx, task.run_id)["status"] == "completed"
    assert sorted(attempts(tx, task.run_id)) == [
        (slug, 1, "completed") for slug in sorted(DIAMOND_RESULTS)
    ]


def test_handed_task_comes_as_a_claimed_one_does(tx: Conn) -> None:
    worker_id, tasks = several_claimed(tx, a_diamond(), 2)
    handing = [*keys(tasks[:1]), [Jsonb(DIAMOND_RESULTS["transcribe"])]]
    handed = tx.execute(
        "select to_jsonb(t) - array['ordinal', 'outcome', 'error'] from pgflow.exchange_tasks("
        "%s, %s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::jsonb[], 3, 60) as t",
        [worker_id, *handing],
    ).fetchall()
    complete(tx, tasks[1:])
    claimed = tx.execute(
        "select to_jsonb(t) from pgflow.claim_tasks(%s, 10, 60) as t", [worker_id]
    ).fetchall()

    def without_ids(rows: list[tuple[dict[str, Any]]]) -> list[dict[str, Any]]:
        its_own = {"run_id", "lease_id", "leased_until"}
        documents = [{k: v for k, v in row.items() if k not in its_own} for (row,) in rows]
        return sorted(documents, key=lambda row: row["step_slug"])

    assert len(handed) == 2
    assert without_ids(handed) == without_ids(claimed)
    assert {row["run_id"] for (row,) in handed} == {str(tasks[0].run_id)}


def test_lease_of_a_handed_task_is_as_long_as_asked_for(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    exchange(tx, worker_id, [task], lease_seconds=7)
    lengths = "select distinct extract(epoch from leased_until - claimed_at) from pgflow.leases"
    assert column(tx, lengths) == [7]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_never_more_than_the_limit_and_one_is_left_to_the_queue(tx: Conn, limit: int) -> None:
    worker_id, tasks = several_claimed(tx, CHAIN, 3)
    waiting = start_run(tx, "chain")
    _, claimed = exchange(tx, worker_id, tasks, limit, results=["x"] * 3)
    assert len(claimed) == limit
    assert len(queued(tx)) == 4 - limit
    assert slugs(claimed).count("second") >= limit - 1
    if limit == 4:
        assert waiting in {task.run_id for task in claimed}


def test_what_waits_in_the_queue_is_never_starved_by_runs_with_many_steps(tx: Conn) -> None:
    many = a_flow("many", a_step("s0"), *(a_step(f"s{n}", f"s{n - 1}") for n in range(1, 30)))
    worker_id, tasks = several_claimed(tx, many, 2)
    waiting = start_run(tx, "many")
    rounds = 0
    while waiting not in {task.run_id for task in tasks}:
        rounds += 1
        assert rounds < 25, "29 steps of the other runs went first"
        _, tasks = exchange(tx, worker_id, tasks, 2, results=["x"] * len(tasks))


def test_step_that_the_worker_does_not_serve_is_queued(tx: Conn) -> None:
    deploy(tx, CHAIN)
    specialist = register_worker(tx, CHAIN.model_copy(update={"steps": CHAIN.steps[:1]}))
    start_run(tx, "chain")
    _, claimed = exchange(tx, specialist, claim(tx, specialist), results=["x"])
    assert claimed == []
    assert queued(tx) == ["second"]


def test_reports_that_are_stale_or_do_not_fit_are_told_and_touch_no_other(tx: Conn) -> None:
    worker_id, tasks = several_claimed(tx, a_diamond(), 3)
    stale, unfit, good = tasks
    fail(tx, [stale])
    right = DIAMOND_RESULTS["transcribe"]
    outcomes, claimed = exchange(tx, worker_id, tasks, results=[right, {"no": 1}, right])
    assert outcomes == {1: "stale", 2: "failed"}
    assert {task.run_id for task in claimed} == {good.run_id}
    assert get_run(tx, unfit.run_id)["status"] == "failed"


def test_nothing_is_handed_of_a_run_that_fails_in_the_same_batch(tx: Conn) -> None:
    flow = a_flow(
        "two", a_step("good"), a_step("next", "good"), a_step("strict", result_schema=STRING)
    )
    worker_id, tasks = several_claimed(tx, flow, 2)
    [spoiled, sound] = sorted({task.run_id for task in tasks})
    results = [7 if (task.run_id, task.step_slug) == (spoiled, "strict") else "x" for task in tasks]
    outcomes, claimed = exchange(tx, worker_id, tasks, results=results)
    assert list(outcomes.values()) == ["failed"]
    assert [(task.run_id, task.step_slug) for task in claimed] == [(sound, "next")]
    assert column(tx, "select run_id from pgflow.leases") == [sound]
    # nobody was told of the lease on `next`, so it was no attempt
    outcomes_of = {(slug, outcome) for slug, _, outcome in attempts(tx, spoiled)}
    assert outcomes_of == {("good", "completed"), ("strict", "failed")}


def test_repeat_after_a_lost_answer_changes_nothing_and_hands_nothing_twice(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    _, handed = exchange(tx, worker_id, [task])
    outcomes, again = exchange(tx, worker_id, [task])
    assert (outcomes, again) == ({}, [])
    assert len(handed) == scalar(tx, "select count(*) from pgflow.leases") == 2


def test_worker_that_is_not_known_changes_nothing(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    with refused(tx, "PF104"):
        exchange(tx, uuid4(), [task])
    assert get_step(tx, task.run_id, "transcribe")["status"] == "started"
    assert complete(tx, [task]) == ["completed"]


@pytest.mark.parametrize(("limit", "seconds"), [(0, 30), (-1, 30), (100_001, 30), (1, 0)])
def test_limits_that_make_no_sense_are_refused(tx: Conn, limit: int, seconds: float) -> None:
    worker_id, task = a_claimed_task(tx)
    with refused(tx, "PF203"):
        exchange(tx, worker_id, [task], limit, lease_seconds=seconds)


def test_arrays_that_differ_are_refused(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    with refused(tx, "PF209"):
        exchange(tx, worker_id, [task], results=[])


def test_other_isolation_levels_are_refused(connect: Connect) -> None:
    session = connect()
    worker_id, task = a_claimed_task(session)
    session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with refused(session, "PF503"):
        exchange(session, worker_id, [task])
    assert get_step(session, task.run_id, "transcribe")["status"] == "started"
