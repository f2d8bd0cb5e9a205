"""What a run looks like at one moment. Built from `pgflow.get_run` in calls.py."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final, Generic, Literal, cast

from pgflow_client.errors import (
    RunCancelledError,
    RunFailedError,
    RunNotCompletedError,
    StepNotCompletedError,
)
from pgflow_client.json_value import Json, shorten
from pgflow_client.type_variables import OutputT_co
from pgflow_manifest import (
    TERMINAL_STATUSES,
    RunId,
    RunStatus,
    SkipReason,
    StepKind,
    StepNotFoundError,
    StepStatus,
)

SignalOutcome = Literal["completed", "kept", "repeated"]
"""A step waited for the signal; none does yet; or the same was sent before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFault:
    """One place where a result does not fit the schema of its step."""

    at: str
    """JSON pointer into the result; empty for the whole."""
    keyword: str
    """The keyword of JSON Schema that it breaks, such as `required`."""
    message: str

    def __str__(self) -> str:
        return f"at {self.at or 'the top'}, {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport:
    """Why a run or an attempt of a step failed, as the worker or the engine wrote it down."""

    code: str | None
    """`PF603` and so on, where there is one."""
    type: str | None
    """Name of the exception class in the worker."""
    message: str
    traceback: str | None = field(default=None, repr=False)
    faults: tuple[SchemaFault, ...] = ()
    """What Postgres found wrong with the result (PF606), at most 20."""
    task_index: int | None = None
    """Which item it was about, from 0; None where it was not about an item of a map step."""

    def __str__(self) -> str:
        told = f"{self.type}: {self.message}" if self.type else self.message
        told = f"[{self.code}] {told}" if self.code else told
        return told if self.task_index is None else f"item {self.task_index}: {told}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """How far a map step is: its tasks, one for each item of the list, by state.

    Of a map of sub-flows, the runs of its items.
    """

    total: int
    completed: int
    skipped: int = 0
    """How many failed for good and left null in the list, as `on_failure="skip"` has it."""
    running: int
    """How many workers hold at this moment; of a map of sub-flows, how many runs are open."""
    waiting: int

    def __str__(self) -> str:
        skipped = f" ({self.skipped} skipped)" if self.skipped else ""
        return f"{self.completed}/{self.total}{skipped}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRun:
    """The run that a map of sub-flows has started for one item."""

    task_index: int
    """Which item, from 0."""
    run_id: RunId


_WAITING: Final[Mapping[StepKind, str]] = {
    "signal": "waiting for the signal",
    "sleep": "sleeping",
    "flow": "waiting for its run",
}
"""What a step that has no task is doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSnapshot:
    """One step of a run."""

    slug: str
    kind: StepKind
    status: StepStatus
    result: Json
    """What the step returned; None until it has completed."""
    error: ErrorReport | None
    """Why the last attempt failed; of a map step at work, that of the item to be tried next."""
    attempts: int
    """How many attempts were counted so far, the one that runs included. Of a map step, those of
    the item that has needed most of all that wait or run; 0 when it has ended."""
    started_at: datetime | None
    ended_at: datetime | None
    running: bool
    """Whether a worker holds the lease at this moment; of a map step, of any item."""
    worker: str | None
    """Name of the worker that holds the lease."""
    retry_at: datetime | None
    """When the next attempt may begin, after one that failed."""
    tasks: TaskCounts | None
    """Of a map step, or a map of sub-flows, that has begun, its items by state; otherwise None."""
    skip_reason: SkipReason | None = None
    """Why the step was skipped; None as long as it was not."""
    sub_run_id: RunId | None = None
    """The run of a sub-flow that the step has started."""
    sub_runs: tuple[SubRun, ...] = ()
    """Of a map of sub-flows, the first five of its runs, while it is at work of those that are
    open; `tasks` tells how many there are."""

    @property
    def is_terminal(self) -> bool:
        """Whether the step will never change again."""
        return self.status in TERMINAL_STATUSES

    def __str__(self) -> str:
        told = f"step {self.slug!r} {self.status}"
        if self.tasks is not None:
            told += f", {self.tasks} items completed"
            return f"{told}, {self.tasks.running} running" if self.tasks.running else told
        if self.attempts:
            told += f", attempt {self.attempts}"
        if self.running:
            told += f" running on worker {self.worker!r}" if self.worker else " running"
        elif self.retry_at is not None and not self.is_terminal:
            told += f", again at {self.retry_at.isoformat(timespec='seconds')}"
        elif self.status == "started":
            told += f", {_WAITING.get(self.kind, 'waiting for a worker')}"
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot(Generic[OutputT_co]):
    """One run and all its steps, read at one moment."""

    run_id: RunId
    flow_slug: str
    parent_run_id: RunId | None = None
    """The run whose step has started this one, as a sub-flow."""
    version: int
    """The version of the flow that the run keeps to its end."""
    status: RunStatus
    payload: Json
    output_or_none: OutputT_co | None
    """The results of the leaf steps by slug; None until the run has completed."""
    error: ErrorReport | None
    owner: str | None
    started_at: datetime | None
    ended_at: datetime | None
    steps: tuple[StepSnapshot, ...]
    """In topological order."""

    @property
    def is_terminal(self) -> bool:
        """Whether the run will never change again."""
        return self.status in TERMINAL_STATUSES

    def step(self, slug: str) -> StepSnapshot:
        """Return the step called *slug*.

        Raises:
            StepNotFoundError: PF103, the flow has no such step.
        """
        for step in self.steps:
            if step.slug == slug:
                return step
        raise StepNotFoundError(
            f"flow {self.flow_slug!r} has no step {shorten(slug)!r}",
            hint=f"its steps are {', '.join(step.slug for step in self.steps)}",
            details={"flow": self.flow_slug, "step": slug},
        )

    def result(self, slug: str) -> Json:
        """Return what the step *slug* returned; None when it was skipped.

        Raises:
            StepNotFoundError: PF103, the flow has no such step.
            StepNotCompletedError: it has no result, or none yet.
        """
        step = self.step(slug)
        if step.status == "completed":
            return step.result
        if step.status == "skipped":
            return None
        reason = f" ({step.error})" if step.error is not None else ""
        raise StepNotCompletedError(
            f"run {self.run_id} of flow {self.flow_slug!r} has no result of {step}{reason}",
            hint="a run that ended will have none; otherwise wait for it",
            details={"run_id": str(self.run_id), "step": slug, "status": step.status},
        )

    @property
    def output(self) -> OutputT_co:
        """The run output, that is the results of the leaf steps by slug; of a completed run only.

        Raises:
            RunFailedError: names the steps that failed, with error and attempts.
            RunCancelledError: somebody cancelled the run.
            RunNotCompletedError: the run has not ended.
        """
        if self.status == "completed":
            return cast("OutputT_co", self.output_or_none)
        run = f"run {self.run_id} of flow {self.flow_slug!r}"
        if self.status == "failed":
            raise self._failure(run)
        details = {"run_id": str(self.run_id), "flow": self.flow_slug, "status": self.status}
        if self.status == "cancelled":
            reason = self.error.message if self.error is not None else self.status
            raise RunCancelledError(
                f"{run} was cancelled" + (f": {shorten(reason)}" if reason != self.status else ""),
                hint="start another run if the output is still needed",
                details=details,
            )
        raise RunNotCompletedError(f"{run} has not ended", hint="wait for it", details=details)

    def _failure(self, run: str) -> RunFailedError:
        failed = [step for step in self.steps if step.status == "failed" and step.kind != "failure"]
        told = [
            f"step {step.slug!r} failed{_after_attempts(step)}: "
            f"{shorten(str(step.error), 500) if step.error else 'no error was reported'}"
            for step in failed
        ]
        if not told:
            told = [shorten(str(self.error), 500) if self.error else "no error was reported"]
        return RunFailedError(
            f"{run} failed: {'; '.join(told)}",
            hint=f"`pgflow runs show {self.run_id} --attempts` shows all attempts, with tracebacks",
            details={
                "run_id": str(self.run_id),
                "flow": self.flow_slug,
                "status": self.status,
                "steps": [
                    {
                        "step": step.slug,
                        "attempts": step.attempts,
                        "code": step.error.code if step.error else None,
                        "type": step.error.type if step.error else None,
                        "message": step.error.message if step.error else None,
                        "errors": [asdict(fault) for fault in step.error.faults]
                        if step.error
                        else [],
                        **_item_of(step),
                    }
                    for step in failed
                ],
            },
        )


def _item_of(step: StepSnapshot) -> dict[str, int]:
    index = step.error.task_index if step.error else None
    return {} if index is None else {"task_index": index}


def _after_attempts(step: StepSnapshot) -> str:
    if step.kind not in ("single", "failure"):
        return ""
    return f" after {step.attempts} attempt{'' if step.attempts == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReason:
    """Why a step, or a task of a map step, does not run; or who runs it."""

    step_slug: str
    task_index: int | None
    """Which item it is about, from 0; None where the step is no map or has not begun."""
    reason: str
    """`waits_for_steps`, `waits_for_worker`, `no_worker`, `retry_at`, `delayed_until`, `leased`,
    `lease_overdue`, `waits_for_signal`, `sleeps_until`, `waits_for_run`, `waits_for_runs`,
    `starts_at`; of a skipped step, its `skip_reason`."""
    message: str
    """The reason as a sentence, with names and times."""
    detail: Json
    """What the message was made of, for programs."""

    def __str__(self) -> str:
        item = "" if self.task_index is None else f", item {self.task_index}"
        return f"{self.step_slug}{item}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of a list of runs."""

    run_id: RunId
    flow_slug: str
    version: int
    status: RunStatus
    owner: str | None
    started_at: datetime | None
    ended_at: datetime | None
