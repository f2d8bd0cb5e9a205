"""Map steps as a client sees them: how far they are, and which item failed."""

from typing import Any

import pytest

from pgflow_client import (
    Client,
    RunFailedError,
    RunSnapshot,
    StepCompleted,
    StepProgressed,
    TaskCounts,
)
from pgflow_client.events import EventTracker


def counts(total: int, completed: int, running: int, waiting: int) -> TaskCounts:
    return TaskCounts(total=total, completed=completed, running=running, waiting=waiting)


def test_snapshot_tells_tasks_by_state(client: Client, worker: Any) -> None:
    run = client.start("mapped", [1, 2, 3, 4, 5])
    step = run.get().step("m")
    assert (step.kind, step.tasks) == ("map", counts(5, 0, 0, 5))
    assert str(step) == "step 'm' started, 0/5 items completed"
    one, two, *_ = worker.claim_all(3)
    worker.complete(one, "a")
    worker.complete(two, "b")
    step = run.get().step("m")
    assert step.tasks == counts(5, 2, 1, 2)
    assert str(step) == "step 'm' started, 2/5 items completed, 1 running"
    assert (step.running, step.result) == (True, None)
    total = run.get().step("total")
    assert (total.kind, total.tasks) == ("single", None)


def test_result_is_the_list_in_the_order_of_the_items(client: Client, worker: Any) -> None:
    run = client.start("mapped", [1, 2, 3])
    for task in reversed(worker.claim_all()):
        worker.complete(task, task.task_index * 10)
    assert run.get().result("m") == [0, 10, 20]
    worker.finish()
    assert run.output(timeout=30) == {"total": "total"}


def test_failed_item_is_named_by_its_index(client: Client, worker: Any) -> None:
    run = client.start("mapped", [1, 2, 3])
    worker.fail(worker.claim_all()[1], retryable=False)
    with pytest.raises(RunFailedError) as caught:
        run.output(timeout=30)
    assert "step 'm' failed: item 1: [PF603] ValueError: no luck" in caught.value.message
    [failed] = caught.value.details["steps"]
    assert (failed["step"], failed["task_index"]) == ("m", 1)
    error = run.get().error
    assert error is not None
    assert error.task_index == 1


def test_items_tell_progress_and_no_events_of_their_own(client: Client, worker: Any) -> None:
    run = client.start("mapped", [1, 2, 3])
    snapshots: list[RunSnapshot] = [run.get()]
    one, two, three = worker.claim_all()
    snapshots.append(run.get())
    worker.complete(one)
    worker.fail(two)
    snapshots.append(run.get())
    worker.complete(three)
    worker.complete(worker.claim_all()[0])
    snapshots.append(run.get())
    tracker = EventTracker()
    events = [list(tracker.update(snapshot)) for snapshot in snapshots]
    assert [[type(event).__name__ for event in part] for part in events] == [
        ["RunStarted", "StepStarted"],
        [],
        ["StepProgressed"],
        ["StepProgressed", "StepCompleted", "StepStarted"],
    ]
    [progress] = events[2]
    assert isinstance(progress, StepProgressed)
    assert (str(progress.tasks), str(progress.error)) == (
        "1/3",
        "item 1: [PF603] ValueError: no luck",
    )
    assert isinstance(events[3][1], StepCompleted)
    assert events[3][1].result == [None, None, None]


def test_watch_ends_with_the_run_of_an_empty_map(client: Client, worker: Any) -> None:
    run = client.start("mapped", [])
    worker.finish()
    names = [type(event).__name__ for event in run.watch(timeout=30)]
    assert names[0] == "RunStarted"
    assert names[-1] == "RunCompleted"
    assert "StepProgressed" not in names


def test_payload_that_is_no_list_fails_the_run(client: Client, worker: Any) -> None:
    run = client.start("mapped", {"no": "list"})
    with pytest.raises(RunFailedError, match=r"PF609.*step 'm' goes over the payload"):
        run.output(timeout=30)
