"""Maps of sub-flows as a client sees them: how far they are, which runs they have started."""

from typing import Any

import psycopg
import pytest

from pgflow_client import Client, RunFailedError, RunSnapshot, StepProgressed, SubRun, TaskCounts
from pgflow_client.events import EventTracker


def sweep(conn: psycopg.Connection) -> None:
    conn.execute("select pgflow.sweep()")


def test_snapshot_tells_runs_by_state_and_names_some(
    client: Client, worker: Any, deployed: psycopg.Connection
) -> None:
    run = client.start("each_one", ["a", "b", "c", "d", "e", "f", "g"])
    sweep(deployed)
    step = run.get().step("called")
    assert (step.kind, step.sub_run_id) == ("flow", None)
    assert step.tasks == TaskCounts(total=7, completed=0, running=7, waiting=0)
    assert str(step) == "step 'called' started, 0/7 items completed, 7 running"
    assert [sub_run.task_index for sub_run in step.sub_runs] == [0, 1, 2, 3, 4]
    assert isinstance(step.sub_runs[0], SubRun)
    assert client.get(step.sub_runs[2].run_id).payload == "c"
    for task in worker.claim_all():
        worker.complete(task, "x")
    sweep(deployed)
    assert run.output(timeout=30) == {"called": ["x"] * 7}


def test_items_tell_progress(client: Client, worker: Any, deployed: psycopg.Connection) -> None:
    run = client.start("each_one", ["a", "b"])
    sweep(deployed)
    snapshots: list[RunSnapshot] = [run.get()]
    for task in worker.claim_all():
        worker.complete(task, "x")
        sweep(deployed)
        snapshots.append(run.get())
    tracker = EventTracker()
    events = [list(tracker.update(snapshot)) for snapshot in snapshots]
    assert [[type(event).__name__ for event in part] for part in events] == [
        ["RunStarted", "StepStarted"],
        ["StepProgressed"],
        ["StepProgressed", "StepCompleted", "RunCompleted"],
    ]
    [progress] = events[1]
    assert isinstance(progress, StepProgressed)
    assert str(progress.tasks) == "1/2"


def test_failed_item_is_named_by_its_index(
    client: Client, worker: Any, deployed: psycopg.Connection
) -> None:
    run = client.start("each_one", ["a", "b"])
    sweep(deployed)
    for task in worker.claim_all():
        if client.get(task.run_id).payload == "b":
            worker.fail(task, retryable=False)
    sweep(deployed)
    with pytest.raises(RunFailedError, match=r"step 'called' failed: item 1: \[PF630\]") as caught:
        run.output(timeout=30)
    assert "after" not in caught.value.message.split(":")[0]
    assert caught.value.details["steps"][0]["task_index"] == 1
