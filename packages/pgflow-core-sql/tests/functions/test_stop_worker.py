"""stop_worker: a worker says goodbye and loses nothing that it held."""

from typing import Any
from uuid import uuid4

import psycopg
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    attempts,
    claim,
    complete,
    deploy,
    register_worker,
    scalar,
    start_run,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
STOP = "select pgflow.stop_worker(%s)"


def test_what_it_held_is_released_and_the_attempt_does_not_count(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    other = register_worker(tx, a_diamond())
    tx.execute(STOP, [worker_id])
    assert attempts(tx, task.run_id) == [("transcribe", 1, "released")]
    [again] = claim(tx, other)
    assert again.attempt == 1
    assert complete(tx, [task]) == ["stale"]


def test_leases_of_others_are_kept(tx: Conn) -> None:
    deploy(tx, a_diamond())
    leaving, staying = register_worker(tx, a_diamond()), register_worker(tx, a_diamond())
    start_run(tx)
    start_run(tx)
    claim(tx, leaving, 1)
    kept = claim(tx, staying, 1)
    tx.execute(STOP, [leaving])
    assert complete(tx, kept) == ["completed"]


def test_it_is_stopped_and_not_dead(tx: Conn) -> None:
    worker_id = register_worker(tx)
    tx.execute(STOP, [worker_id])
    row = tx.execute("select status, idle, ended_at is not null from pgflow.workers").fetchone()
    assert row == ("stopped", False, True)


def test_stopping_an_unknown_worker_or_twice_does_no_harm(tx: Conn) -> None:
    tx.execute(STOP, [uuid4()])
    worker_id = register_worker(tx)
    tx.execute(STOP, [worker_id])
    ended_at = scalar(tx, "select ended_at from pgflow.workers")
    tx.execute(STOP, [worker_id])
    assert scalar(tx, "select ended_at from pgflow.workers") == ended_at


def test_frozen_snapshot_is_refused_when_there_is_something_to_release(conn: Conn) -> None:
    worker_id, _ = a_claimed_task(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level repeatable read")
        conn.execute(STOP, [worker_id])
