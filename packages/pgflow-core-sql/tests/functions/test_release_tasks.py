"""release_tasks: a task goes back as if it had not been claimed."""

from typing import Any

import psycopg
from tests.support.builders import (
    a_claimed_task,
    a_diamond,
    attempts,
    claim,
    complete,
    deploy,
    fail,
    get_step,
    keys,
    register_worker,
    release,
    scalar,
    start_run,
)
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions

Conn = psycopg.Connection[Any]


def test_released_task_can_be_claimed_at_once_with_the_same_attempt_number(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    assert release(tx, [task]) == ["released"]
    [again] = claim(tx, worker_id)
    assert (again.run_id, again.attempt) == (task.run_id, 1)
    assert again.lease_id != task.lease_id


def test_release_does_not_use_up_attempts(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx, a_diamond(options=FlowOptions(max_attempts=1)))
    for _ in range(5):
        release(tx, [task])
        [task] = claim(tx, worker_id)
    assert complete(tx, [task]) == ["completed"]
    assert [outcome for _, _, outcome in attempts(tx, task.run_id)].count("released") == 5


def test_release_after_a_failure_keeps_the_failures_count(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    fail(tx, [task], retry_after=0)
    [second] = claim(tx, worker_id)
    release(tx, [second])
    [third] = claim(tx, worker_id)
    assert (second.attempt, third.attempt) == (2, 2)


def test_history_tells_of_the_release(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    release(tx, [task])
    assert attempts(tx, task.run_id) == [("transcribe", 1, "released")]
    step = get_step(tx, task.run_id, "transcribe")
    assert (step["status"], step["running"], step["retry_at"]) == ("started", False, None)


def test_release_of_a_lease_that_is_over_changes_nothing(tx: Conn) -> None:
    worker_id, task = a_claimed_task(tx)
    release(tx, [task])
    [again] = claim(tx, worker_id)
    assert release(tx, [task]) == ["stale"]
    assert complete(tx, [again]) == ["completed"]


def test_batch_answers_per_task(tx: Conn) -> None:
    deploy(tx, a_diamond())
    worker_id = register_worker(tx, a_diamond())
    for _ in range(3):
        start_run(tx)
    first, done, last = claim(tx, worker_id)
    complete(tx, [done])
    assert release(tx, [first, done, last]) == ["released", "stale", "released"]
    assert scalar(tx, "select count(*) from pgflow.leases") == 0


def test_arrays_that_do_not_fit_are_refused(tx: Conn) -> None:
    _, task = a_claimed_task(tx)
    batch = keys([task])
    batch[3] = []
    with refused(tx, "PF209"):
        tx.execute(
            "select pgflow.release_tasks(%s::uuid[], %s::text[], %s::int[], %s::uuid[])", batch
        )


def test_frozen_snapshot_is_refused(conn: Conn) -> None:
    _, task = a_claimed_task(conn)
    with refused(conn, "PF503"):
        conn.execute("set transaction isolation level serializable")
        release(conn, [task])
