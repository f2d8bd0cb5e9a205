"""explain_run: for each step of a run that has not ended, why it does not run, or who runs it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    a_flow,
    a_started_map,
    a_step,
    claim,
    complete,
    deploy,
    fail,
    register_worker,
    scalar,
    start_run,
    work_off,
)
from tests.support.fix_clock import SetClock
from tests.support.waiting import a_signal, a_sleep, a_sub_flow

from pgflow_manifest import PayloadInput

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def explain(conn: Conn, run_id: UUID) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from pgflow.explain_run(%s)", [run_id]).fetchall()


def reasons(conn: Conn, run_id: UUID) -> dict[str, str]:
    return {row["step_slug"]: row["reason"] for row in explain(conn, run_id)}


def test_a_task_that_nobody_can_take(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    [first, *others] = explain(tx, run_id)
    assert (first["step_slug"], first["reason"]) == ("transcribe", "no_worker")
    assert "start a worker" in first["message"]
    assert [(row["step_slug"], row["message"]) for row in others] == [
        ("summarize", "waits for transcribe"),
        ("capitalize", "waits for transcribe"),
        ("merge", "waits for summarize, capitalize"),
    ]
    assert others[2]["detail"] == {"steps": ["summarize", "capitalize"]}


def test_a_worker_with_another_version_only(tx: Conn) -> None:
    old, new = a_flow("f", a_step("a")), a_flow("f", a_step("a", result_schema={"type": "string"}))
    deploy(tx, old)
    run_id = start_run(tx, "f")
    deploy(tx, new)
    register_worker(tx, new)
    [row] = explain(tx, run_id)
    assert row["reason"] == "no_worker"
    assert "pgflow runs upgrade" in row["message"]


def test_a_task_that_waits_for_a_free_worker(tx: Conn) -> None:
    deploy(tx, a_diamond())
    register_worker(tx, a_diamond())
    run_id = start_run(tx)
    assert reasons(tx, run_id)["transcribe"] == "waits_for_worker"


def test_a_task_that_is_leased(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    row = explain(tx, task.run_id)[0]
    assert row["reason"] == "leased"
    assert row["message"] == "attempt 1 is with worker 'tester' until 2026-01-31 12:00:30 UTC"
    assert row["task_index"] is None
    set_clock(tx, NOON + timedelta(seconds=31))
    assert reasons(tx, task.run_id)["transcribe"] == "lease_overdue"


def test_a_worker_that_went_silent_serves_nothing(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond(), beat_seconds=1)
    held, waiting = start_run(tx), start_run(tx)
    [task] = claim(tx, worker_id, 1, lease_seconds=3600)
    set_clock(tx, NOON + timedelta(seconds=4))
    expected = {"lease_overdue", "no_worker"}
    assert {reasons(tx, run_id)["transcribe"] for run_id in (held, waiting)} == expected
    assert reasons(tx, task.run_id)["transcribe"] == "lease_overdue"


def test_a_task_that_is_tried_again(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    _, task = a_claimed_task(tx)
    fail(tx, [task], retry_after=90, message="no network")
    row = explain(tx, task.run_id)[0]
    assert row["reason"] == "retry_at"
    assert row["message"] == (
        "attempt 2 of 3 begins at 2026-01-31 12:01:30 UTC; the last one failed: no network"
    )
    assert row["detail"]["error"]["type"] == "ValueError"


def test_a_task_that_begins_later(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_diamond())
    register_worker(tx, a_diamond())
    run_id = start_run(tx)
    tx.execute("update pgflow.tasks set available_at = %s", [NOON + timedelta(seconds=5)])
    row = explain(tx, run_id)[0]
    assert (row["reason"], row["message"]) == (
        "delayed_until",
        "delayed until 2026-01-31 12:00:05 UTC",
    )


def test_items_of_a_map_are_told_one_by_one_and_counted(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(25)))
    claim(tx, worker_id, 2)
    rows = [row for row in explain(tx, run_id) if row["step_slug"] == "double"]
    leased = [row for row in rows if row["reason"] == "leased"]
    waiting = [row for row in rows if row["reason"] == "waits_for_worker"]
    assert len(leased) == 2
    assert {row["detail"]["tasks_count"] for row in leased} == {2}
    assert len(waiting) == 10
    assert {row["detail"]["tasks_count"] for row in waiting} == {23}
    assert all(isinstance(row["task_index"], int) for row in rows)


def test_a_step_that_has_ended_is_not_told(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    complete(tx, [task])
    assert list(reasons(tx, task.run_id)) == ["summarize", "capitalize", "merge"]


def test_a_run_that_has_ended_has_nothing_to_tell(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    run_id = start_run(tx)
    work_off(tx, worker_id)
    assert explain(tx, run_id) == []


def test_only_who_may_see_the_run(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    tx.execute("create role explain_stranger")
    tx.execute("grant pgflow_client to explain_stranger")
    tx.execute("set local role explain_stranger")
    with pytest.raises(psycopg.Error, match="there is no run") as caught:
        explain(tx, run_id)
    assert caught.value.sqlstate == "PF102"


def test_unknown_run(tx: Conn) -> None:
    with pytest.raises(psycopg.Error) as caught:
        explain(tx, uuid4())
    assert caught.value.sqlstate == "PF102"


def test_steps_that_wait_without_a_task_say_for_what(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    inner = a_flow("inner", a_step("work"))
    outer = a_flow(
        "outer",
        a_signal("answer", timeout=60),
        a_sleep("pause", seconds=90),
        a_sub_flow("called", "inner", PayloadInput()),
    )
    deploy(tx, inner, outer)
    run_id = start_run(tx, "outer", {})
    told = tx.execute(
        "select step_slug, reason, message from pgflow.explain_run(%s)", [run_id]
    ).fetchall()
    sub_run_id = scalar(tx, "select sub_run_id from pgflow.sub_runs")
    assert told == [
        ("answer", "waits_for_signal", "waits for the signal, until 2026-01-31 12:01:00 UTC"),
        ("pause", "sleeps_until", "sleeps until 2026-01-31 12:01:30 UTC"),
        ("called", "waits_for_run", f"waits for run {sub_run_id} of flow inner"),
    ]


def test_run_that_begins_later_says_when(tx: Conn, set_clock: SetClock) -> None:
    set_clock(tx, NOON)
    deploy(tx, a_flow("later", a_step("first"), a_step("second", "first")))
    run_id = scalar(
        tx, "select pgflow.start_flow('later', '1', p_start_at => %s)", [NOON + timedelta(hours=1)]
    )
    told = tx.execute("select step_slug, reason from pgflow.explain_run(%s)", [run_id]).fetchall()
    assert told == [("first", "starts_at"), ("second", "waits_for_steps")]
