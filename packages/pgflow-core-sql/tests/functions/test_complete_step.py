"""complete_step: the handler's own writes and the result commit together, or neither does."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.support.builders import (
    a_claimed_task,
    claim,
    complete,
    get_step,
    release,
    scalar,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
RESULT = '{"transcription": "hello"}'
COMPLETE = "select pgflow.complete_step(%s, %s, %s, %s)"


def test_step_completes_and_dependents_start(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    answer = scalar(tx, COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
    assert answer == "completed"
    assert get_step(tx, task.run_id, "transcribe")["result"] == {"transcription": "hello"}
    assert len(claim(tx, worker_id)) == 2


def test_effect_and_result_commit_together(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    conn.execute("create table public.effects (n int)")
    with conn.transaction():
        conn.execute("insert into public.effects values (1)")
        conn.execute(COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
    assert scalar(conn, "select count(*) from public.effects") == 1
    assert get_step(conn, task.run_id, "transcribe")["status"] == "completed"


def test_effect_of_a_handler_that_lost_its_lease_is_rolled_back(conn: Conn) -> None:
    worker_id, task = a_claimed_task(conn)
    conn.execute("create table public.effects (n int)")
    release(conn, [task])
    [again] = claim(conn, worker_id)
    with refused(conn, "PF301") as refusal:
        conn.execute("insert into public.effects values (1)")
        conn.execute(COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
    assert refusal.details == {
        "run_id": str(task.run_id),
        "step_slug": "transcribe",
        "task_index": 0,
        "lease_id": str(task.lease_id),
    }
    assert scalar(conn, "select count(*) from public.effects") == 0
    assert complete(conn, [again]) == ["completed"]


def test_rollback_of_the_handler_takes_the_result_back(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with conn.transaction(force_rollback=True):
        conn.execute(COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
    assert get_step(conn, task.run_id, "transcribe")["status"] == "started"
    assert complete(conn, [task]) == ["completed"]


def test_exact_repeat_is_answered_again(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    call = [task.run_id, task.step_slug, task.lease_id, RESULT]
    assert scalar(tx, COMPLETE, call) == scalar(tx, COMPLETE, call) == "completed"


def test_repeat_with_another_result_is_refused(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    scalar(tx, COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
    with refused(tx, "PF301"):
        scalar(
            tx, COMPLETE, [task.run_id, task.step_slug, task.lease_id, '{"transcription": "other"}']
        )


def test_unknown_run_is_a_lost_lease(tx: Conn) -> None:
    with refused(tx, "PF301"):
        scalar(tx, COMPLETE, [uuid4(), "transcribe", uuid4(), "1"])


@pytest.mark.parametrize("missing", range(4))
def test_null_argument_is_refused(tx: Conn, missing: int) -> None:
    _, task = a_claimed_task(tx)
    call: list[Any] = [task.run_id, task.step_slug, task.lease_id, RESULT]
    call[missing] = None
    with refused(tx, "PF209"):
        scalar(tx, COMPLETE, call)


def test_frozen_snapshot_is_refused(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level repeatable read")
        conn.execute(COMPLETE, [task.run_id, task.step_slug, task.lease_id, RESULT])
