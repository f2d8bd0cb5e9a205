"""Live events of a run: each once, causes first, whatever was missed in between."""

from itertools import combinations
from typing import Any

from pgflow_client import (
    AsyncClient,
    Client,
    RunCancelled,
    RunCompleted,
    RunEvent,
    RunFailed,
    RunSnapshot,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepRetrying,
    StepRunning,
    StepStarted,
)
from pgflow_client.events import EventTracker
from pgflow_manifest import Manifest

MEMO = {"object_name": "a.wav"}


def told(event: RunEvent) -> str:
    """Say an event in short, as in `StepRunning transcribe 1`."""
    parts = [type(event).__name__]
    parts += [event.step_slug] if hasattr(event, "step_slug") else []
    parts += [str(event.attempt)] if isinstance(event, StepRunning | StepRetrying) else []
    return " ".join(parts)


def all_told(snapshots: list[RunSnapshot]) -> list[str]:
    tracker = EventTracker()
    return [told(event) for snapshot in snapshots for event in tracker.update(snapshot)]


def test_a_run_is_told_from_its_start_to_its_end(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)
    events = run.watch(timeout=30)

    first = next(events)
    assert isinstance(first, RunStarted)
    assert first.run_id == run.run_id
    assert first.at is not None
    assert told(next(events)) == "StepStarted transcribe"
    task = worker.claim()["transcribe"]
    running = next(events)
    assert isinstance(running, StepRunning)
    assert (running.attempt, running.worker) == (1, "hand")
    worker.fail(task)
    retrying = next(events)
    assert isinstance(retrying, StepRetrying)
    assert (retrying.attempt, str(retrying.error)) == (1, "[PF603] ValueError: no luck")
    assert retrying.retry_at is not None
    worker.complete(worker.claim()["transcribe"], {"text": "a"})
    assert told(next(events)) == "StepRunning transcribe 2"
    completed = next(events)
    assert isinstance(completed, StepCompleted)
    assert completed.result == {"text": "a"}
    assert completed.attempts == 2
    assert {told(next(events)), told(next(events))} == {
        "StepStarted capitalize",
        "StepStarted summarize",
    }
    worker.finish()
    rest = list(events)
    assert isinstance(rest[-1], RunCompleted)
    assert rest[-1].output == {"merge": "merge"}
    assert rest[-1].snapshot.status == "completed"
    assert [told(event) for event in rest[-4:]] == [
        "StepStarted merge",
        "StepRunning merge 1",
        "StepCompleted merge",
        "RunCompleted",
    ]


def test_who_comes_late_is_told_everything_in_order(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)
    worker.finish()

    assert [told(event) for event in run.watch(timeout=5)] == [
        "RunStarted",
        *(
            f"{kind} {step}{attempt}"
            for step in ("transcribe", "capitalize", "summarize", "merge")
            for kind, attempt in (("StepStarted", ""), ("StepRunning", " 1"), ("StepCompleted", ""))
        ),
        "RunCompleted",
    ]


def test_a_failure_is_told_before_what_it_cancelled(client: Client, worker: Any) -> None:
    run = client.start("memo", MEMO)
    worker.complete(worker.claim()["transcribe"])
    tasks = worker.claim()
    worker.fail(tasks["summarize"], retryable=False)

    events = list(run.watch(timeout=5))

    assert [told(event) for event in events[-7:]] == [
        "StepRunning capitalize 1",
        "StepStarted summarize",
        "StepRunning summarize 1",
        "StepFailed summarize",
        "StepCancelled capitalize",
        "StepCancelled merge",
        "RunFailed",
    ]
    failed = next(event for event in events if isinstance(event, StepFailed))
    assert failed.attempts == 1
    assert isinstance(events[-1], RunFailed)
    assert str(events[-1].error) == "[PF603] ValueError: no luck"


def test_a_cancelled_run_ends_its_events(client: Client, worker: Any) -> None:
    run = client.start("one_try", 1)
    run.cancel("enough")

    events = list(run.watch(timeout=5))

    assert [told(event) for event in events] == [
        "RunStarted",
        "StepStarted first",
        "StepCancelled first",
        "StepCancelled second",
        "RunCancelled",
    ]
    assert isinstance(events[-1], RunCancelled)
    assert str(events[-1].error) == "enough"


def test_events_are_the_same_whichever_snapshots_were_missed(client: Client, worker: Any) -> None:
    """Every subset of the snapshots of a run that retries, which is every way to be too slow."""
    run = client.start("memo", MEMO)
    snapshots = [run.get()]
    for step, fails in [
        ("transcribe", True),
        ("transcribe", False),
        ("capitalize", False),
        ("merge", True),
        ("merge", False),
    ]:
        tasks = worker.claim()
        snapshots.append(run.get())
        for task in tasks.values():
            if task.step_slug == step and fails:
                worker.fail(task)
            else:
                worker.complete(task)
            snapshots.append(run.get())
    assert snapshots[-1].status == "completed"
    everything = all_told(snapshots)
    expected = set(everything)
    assert "StepRetrying merge 1" in expected

    *before, last = snapshots
    for size in range(len(before) + 1):
        for seen in combinations(before, size):
            events = all_told([*seen, last])
            assert len(events) == len(set(events))
            assert set(events) == expected
            assert causes_come_first(events), "; ".join(events)


def causes_come_first(events: list[str]) -> bool:
    order = {event: position for position, event in enumerate(events)}
    causes = [
        ("RunStarted", "StepStarted transcribe"),
        ("StepCompleted transcribe", "StepStarted capitalize"),
        ("StepCompleted transcribe", "StepStarted summarize"),
        ("StepCompleted capitalize", "StepStarted merge"),
        ("StepCompleted summarize", "StepStarted merge"),
        ("StepStarted merge", "StepRunning merge 1"),
        ("StepRunning merge 1", "StepRetrying merge 1"),
        ("StepRetrying merge 1", "StepRunning merge 2"),
        ("StepRunning merge 2", "StepCompleted merge"),
        ("StepCompleted merge", "RunCompleted"),
    ]
    return all(order[cause] < order[effect] for cause, effect in causes)


async def test_the_asynchronous_client_tells_the_same(
    deployed: object, database_url: str, manifest: Manifest, worker: Any
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run = await client.start("one_try", 1)
        events = run.watch(timeout=30)
        assert isinstance(await anext(events), RunStarted)
        assert isinstance(await anext(events), StepStarted)
        worker.finish()

        assert [told(event) async for event in events] == [
            "StepRunning first 1",
            "StepCompleted first",
            "StepStarted second",
            "StepRunning second 1",
            "StepCompleted second",
            "RunCompleted",
        ]
