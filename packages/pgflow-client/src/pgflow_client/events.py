"""What happened in a run, event by event, told from the differences of its snapshots."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from pgflow_client.json_value import Json
from pgflow_client.run import ErrorReport, RunSnapshot, StepSnapshot, TaskCounts
from pgflow_manifest import RunId, SkipReason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    run_id: RunId
    flow_slug: str
    at: datetime | None
    """When it happened by the clock of the database, where that is known."""
    snapshot: RunSnapshot = field(repr=False, compare=False)
    """The run as it was when the event was noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_Event):
    """The run exists; always the first event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted(_Event):
    """All steps completed or were skipped; the last event."""

    output: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(_Event):
    """A step gave up; the last event."""

    error: ErrorReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(_Event):
    """Somebody cancelled the run; the last event."""

    error: ErrorReport | None
    """Carries the reason that was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepEvent(_Event):
    step_slug: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(_StepEvent):
    """Everything the step waited for has completed: a worker may take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRunning(_StepEvent):
    """A worker began an attempt of the step."""

    attempt: int
    worker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRetrying(_StepEvent):
    """An attempt failed, and another one will follow."""

    attempt: int
    """The one that failed."""
    retry_at: datetime | None
    """When the next may begin; None when that has already passed."""
    error: ErrorReport | None
    """Why; None when the next attempt has already replaced it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgressed(_StepEvent):
    """More items of a map step have completed or were skipped, or wait to be tried again.

    Of its tasks no other events are told: there may be 100,000 of them.
    """

    tasks: TaskCounts
    error: ErrorReport | None
    """Why an attempt of the item that is tried again next has failed; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCompleted(_StepEvent):
    """The step has its result."""

    result: Json
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(_StepEvent):
    """The step gave up, and its run with it."""

    error: ErrorReport | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSkipped(_StepEvent):
    """The step has no result, and the run goes on without it."""

    reason: SkipReason
    error: ErrorReport | None
    """Why its last attempt failed, when that is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled(_StepEvent):
    """The step will not happen any more, because its run failed or was cancelled."""


RunEvent: TypeAlias = (
    RunStarted
    | StepStarted
    | StepRunning
    | StepRetrying
    | StepProgressed
    | StepCompleted
    | StepFailed
    | StepSkipped
    | StepCancelled
    | RunCompleted
    | RunFailed
    | RunCancelled
)
"""Everything that `watch` can yield; made for `match`."""


@dataclass(slots=True)
class _Told:
    """What has been said about a step already."""

    started: bool = False
    ended: bool = False
    running: int = 0
    failed: int = 0
    items: tuple[int, ErrorReport | None] = (0, None)


class EventTracker:
    """Tells each event exactly once and in causal order, however many snapshots were missed.

    A step that ran between two snapshots still gets all its events: those of a dep come before
    those of the step that waited for it, and the steps that a failure cancelled come after it.
    """

    def __init__(self) -> None:
        self._run_started = False
        self._run_ended = False
        self._told: dict[str, _Told] = {}

    def update(self, run: RunSnapshot) -> Iterator[RunEvent]:
        """Yield what is new in *run*; the first snapshot tells all that happened before it."""
        if not self._run_started:
            self._run_started = True
            yield RunStarted(
                run_id=run.run_id, flow_slug=run.flow_slug, at=run.started_at, snapshot=run
            )
        for step in run.steps:
            yield from self._progress(run, step)
        for ending in ("failed", "cancelled"):
            for step in run.steps:
                if step.status == ending:
                    yield from self._ending(run, step)
        if run.is_terminal and not self._run_ended:
            self._run_ended = True
            yield _run_ending(run)

    def _progress(self, run: RunSnapshot, step: StepSnapshot) -> Iterator[RunEvent]:
        told = self._told.setdefault(step.slug, _Told())
        if told.ended:
            return
        has_begun = step.started_at is not None and step.skip_reason in (None, "handler_failed")
        if not told.started and has_begun:
            told.started = True
            yield StepStarted(
                run_id=run.run_id,
                flow_slug=run.flow_slug,
                at=step.started_at,
                snapshot=run,
                step_slug=step.slug,
            )
        if step.kind == "map" or step.tasks is not None:
            yield from self._items(run, step, told)
        else:
            yield from self._attempts(run, step, told)
        if step.status in ("completed", "skipped"):
            yield from self._ending(run, step)

    def _ending(self, run: RunSnapshot, step: StepSnapshot) -> Iterator[RunEvent]:
        told = self._told[step.slug]
        if not told.ended:
            told.ended = True
            yield _step_ending(run, step)

    def _items(self, run: RunSnapshot, step: StepSnapshot, told: _Told) -> Iterator[RunEvent]:
        error = None if step.is_terminal else step.error
        if step.tasks is None:
            return
        now = (step.tasks.completed + step.tasks.skipped, error)
        if told.items == now:
            return
        told.items = now
        yield StepProgressed(
            run_id=run.run_id,
            flow_slug=run.flow_slug,
            at=None,
            snapshot=run,
            step_slug=step.slug,
            tasks=step.tasks,
            error=error,
        )

    def _attempts(self, run: RunSnapshot, step: StepSnapshot, told: _Told) -> Iterator[RunEvent]:
        waits_for_retry = step.status == "started" and not step.running and step.attempts > 0
        for attempt in range(max(1, told.running, told.failed), step.attempts + 1):
            is_last = attempt == step.attempts
            if attempt > told.running:
                told.running = attempt
                yield StepRunning(
                    run_id=run.run_id,
                    flow_slug=run.flow_slug,
                    at=None,
                    snapshot=run,
                    step_slug=step.slug,
                    attempt=attempt,
                    worker=step.worker if is_last else None,
                )
            if attempt > told.failed and (not is_last or waits_for_retry):
                told.failed = attempt
                yield StepRetrying(
                    run_id=run.run_id,
                    flow_slug=run.flow_slug,
                    at=None,
                    snapshot=run,
                    step_slug=step.slug,
                    attempt=attempt,
                    retry_at=step.retry_at if is_last else None,
                    # While an attempt runs, the error is that of the one before.
                    error=step.error
                    if is_last or attempt == step.attempts - step.running
                    else None,
                )


def _step_ending(run: RunSnapshot, step: StepSnapshot) -> RunEvent:
    if step.status == "completed":
        return StepCompleted(
            run_id=run.run_id,
            flow_slug=run.flow_slug,
            at=step.ended_at,
            snapshot=run,
            step_slug=step.slug,
            result=step.result,
            attempts=step.attempts,
        )
    if step.status == "failed":
        return StepFailed(
            run_id=run.run_id,
            flow_slug=run.flow_slug,
            at=step.ended_at,
            snapshot=run,
            step_slug=step.slug,
            error=step.error,
            attempts=step.attempts,
        )
    if step.skip_reason is not None:
        return StepSkipped(
            run_id=run.run_id,
            flow_slug=run.flow_slug,
            at=step.ended_at,
            snapshot=run,
            step_slug=step.slug,
            reason=step.skip_reason,
            error=step.error,
        )
    return StepCancelled(
        run_id=run.run_id,
        flow_slug=run.flow_slug,
        at=step.ended_at,
        snapshot=run,
        step_slug=step.slug,
    )


def _run_ending(run: RunSnapshot) -> RunEvent:
    if run.status == "completed":
        return RunCompleted(
            run_id=run.run_id,
            flow_slug=run.flow_slug,
            at=run.ended_at,
            snapshot=run,
            output=run.output,
        )
    ending = RunFailed if run.status == "failed" else RunCancelled
    return ending(
        run_id=run.run_id, flow_slug=run.flow_slug, at=run.ended_at, snapshot=run, error=run.error
    )
