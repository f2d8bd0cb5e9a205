"""One run in memory: which of its steps are how far, and what follows when one of them ends.

It goes on by events, as a run in the database does: attempts that end, times that come. Next:
`in_memory_tasks.py` and `in_memory_waiting.py`, what the steps do; `fate.py`, the rules of what
starts, is skipped and fails.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pgflow_dsl.fate import COMPLETED, FAILED, Ended, fate_when_failed, fate_when_ready
from pgflow_dsl.in_memory_outcome import FlowTestFailedError, StepTime, TestRun, step_failure
from pgflow_dsl.in_memory_signals import Delivery
from pgflow_dsl.in_memory_tasks import Tasks
from pgflow_dsl.in_memory_values import Kept, Values
from pgflow_dsl.in_memory_waiting import STARTERS, deliver
from pgflow_dsl.replacements import Callee
from pgflow_dsl.run_error import RunError
from pgflow_dsl.step import Step
from pgflow_dsl.virtual_clock import Rank, VirtualClock
from pgflow_manifest import (
    ConditionUnmetError,
    HandlerRaisedError,
    ResultInvalidError,
    RunDeadlineError,
    RunStatus,
    StepKind,
    StepStatus,
    SubFlowError,
    TaskError,
)

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


_STARTING: Final[Sequence[StepKind]] = ("single", "map", "signal", "sleep", "flow")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a run shares with those that it starts."""

    clock: VirtualClock
    callees: Mapping[Step[Any], Callee]
    """What to call for each step that has a handler, or a function in its place."""
    deliveries: Mapping[Step[Any], Delivery]
    runs: list[Run] = field(default_factory=list)
    """All runs, in the order in which they began."""
    open: set[Run] = field(default_factory=set)
    """Those that have not ended, or whose failure handler has not."""


class Run:
    """A run of a flow, from its payload to its end."""

    def __init__(
        self,
        world: World,
        flow: Flow[Any],
        payload: Any,
        *,
        depth: int = 0,
        on_end: Callable[[Run], None] | None = None,
    ) -> None:
        self.run_id = uuid.uuid4()
        self.world = world
        self.clock = world.clock
        self.flow = flow
        self.values = Values(payload)
        self.status: RunStatus = "started"
        self.error: FlowTestFailedError | None = None
        self.failures: dict[str, list[FlowTestFailedError]] = {}
        self.signals: dict[str, str] = {}
        self.kept: dict[str, Kept] = {}
        """Signals that came before their step waited."""
        self.depth = depth
        """How many runs it is inside of."""
        self._sub_runs: list[Run] = []
        self._on_end = on_end
        self._began = self._ended_at = self.clock.seconds
        self._steps = {slug: s for slug, s in flow.steps.items() if s.kind != "failure"}
        self._ended: dict[str, Ended] = {}
        self._times: dict[str, StepTime] = {}
        self._attempt_seconds: dict[str, list[float]] = {slug: [] for slug in flow.steps}
        self._tasks: dict[str, Tasks] = {}
        self._deps = {slug: step.deps for slug, step in self._steps.items()}
        self._open_deps = {slug: len(deps) for slug, deps in self._deps.items()}
        self._dependents: dict[str, list[str]] = {slug: [] for slug in self._steps}
        for slug, deps in self._deps.items():
            for dep in deps:
                self._dependents[dep].append(slug)
        self._ready = deque(slug for slug, deps in self._deps.items() if not deps)
        self._is_advancing = False
        world.runs.append(self)
        world.open.add(self)

    def begin(self) -> None:
        """Start the steps that wait for nothing, and all that waits for a time."""
        deadline = self.flow.options.deadline_seconds
        if deadline is not None:
            self.clock.call_after(
                deadline,
                Rank.DEADLINE,
                self._come_to_deadline,
                is_wanted=lambda: self.status == "started",
            )
        deliver(self)
        self._advance()

    def is_started(self, step: Step[Any]) -> bool:
        """Return whether *step* is at work, or waits."""
        time = self._times.get(step.slug)
        return self.status == "started" and time is not None and time.ended is None

    def has_ended(self, step: Step[Any]) -> bool:
        """Return whether *step* has ended, in whatever way."""
        return step.slug in self._ended

    def is_skipped(self, step: Step[Any]) -> bool:
        """Return whether *step* was skipped."""
        return step.slug in self._ended and self._ended[step.slug].status == "skipped"

    def waiting_signals(self) -> list[Step[Any]]:
        """Return the steps that wait for a signal."""
        steps = self._steps.values()
        return [step for step in steps if step.kind == "signal" and self.is_started(step)]

    def note_attempt(self, step: Step[Any]) -> None:
        """Take in that an attempt of *step* begins now."""
        self._attempt_seconds[step.slug].append(self.clock.seconds - self._began)

    def complete(self, step: Step[Any], result: Kept | Sequence[Kept]) -> None:
        """Take in the result of *step*, and go on."""
        self.values.keep(step, result)
        self._end(step, COMPLETED)
        self._advance()

    def fail(self, step: Step[Any], error: FlowTestFailedError, *, always: bool = False) -> None:
        """Take in that *step* failed for good: it fails the run, or is skipped.

        Args:
            step: which one.
            error: why.
            always: whether the run fails whatever the policy of the step is.
        """
        fate = fate_when_failed(step.conduct.on_failure, is_map=step.handler.is_map)
        if always or fate == "gap":
            fate = FAILED
        self._end(step, fate)
        if step.kind == "failure":
            self.failures[step.slug] = [error]
        elif fate == FAILED:
            self.end("failed", error, step)
        else:
            self.failures[step.slug] = [error]
            self._advance()

    def end(
        self,
        status: RunStatus,
        error: FlowTestFailedError | None = None,
        step: Step[Any] | None = None,
    ) -> None:
        """End the run, which has not ended: nothing of it goes on, nor of what it has started."""
        self.status, self.error = status, error
        self._ended_at = self.clock.seconds
        for tasks in self._tasks.values():
            tasks.stop()
        for sub_run in self._sub_runs:
            if sub_run.status == "started":
                sub_run.end("cancelled")
        on_end = self._on_end
        if on_end is not None:
            self.clock.call_after(0, Rank.NEWS, lambda: on_end(self), is_wanted=lambda: True)
        handler = None
        if error is not None:
            self.values.error = _error_document(error, step)
            handler = self.flow.failure_handler
        if handler is None:
            self.world.open.discard(self)
        else:
            self._begin_tasks(handler)

    def start_sub_run(self, flow: Flow[Any], payload: Any, on_end: Callable[[Run], None]) -> Run:
        """Start a run of *flow*; *on_end* is called once it has ended."""
        run = Run(self.world, flow, payload, depth=self.depth + 1, on_end=on_end)
        self._sub_runs.append(run)
        run.begin()
        return run

    def outcome(self) -> TestRun:
        """Return what there is to be told."""
        steps, ended = self.flow.steps, self._ended
        results = {slug: self.values.results[slug] for slug in steps if slug in self.values.results}
        has_completed = self.status == "completed"
        return TestRun(
            run_id=self.run_id,
            results=results,
            output={
                slug: value
                for slug, value in results.items()
                if has_completed and not self._dependents.get(slug)
            },
            attempts={slug: len(begun) for slug, begun in self._attempt_seconds.items()},
            statuses={slug: self._status(step) for slug, step in steps.items()},
            skip_reasons={
                slug: how.skip_reason for slug, how in ended.items() if how.skip_reason is not None
            },
            failures=self.failures,
            error=None if self.values.error is None else RunError(**self.values.error),
            elapsed=self._seconds - self._began,
            now=self.now,
            times={slug: self._times[slug] for slug in steps if slug in self._times},
            attempt_seconds=self._attempt_seconds,
            signals=self.signals,
            steps=steps,
        )

    @property
    def now(self) -> datetime:
        """The time: until the run has ended, that of the clock."""
        return self.clock.time_at(self._seconds)

    @property
    def _seconds(self) -> float:
        return self.clock.seconds if self.status == "started" else self._ended_at

    def _status(self, step: Step[Any]) -> StepStatus:
        if step.slug in self._ended:
            return self._ended[step.slug].status
        if step.kind != "failure" and self.status != "started":
            return "cancelled"
        return "started" if step.slug in self._times else "created"

    def _advance(self) -> None:
        """Start what is ready, and what becomes so because some of that ends at once."""
        if self._is_advancing:
            return
        self._is_advancing = True
        while self._ready and self.status == "started":
            wave = [self._steps[slug] for slug in self._ready]
            self._ready.clear()
            self._start_wave(wave)
        self._is_advancing = False
        if self.status == "started" and len(self._ended) == len(self._steps):
            self.end("completed")

    def _start_wave(self, steps: Sequence[Step[Any]]) -> None:
        """Start *steps*, in the order of the engine: what fails the run comes last."""
        starting: list[Step[Any]] = []
        unmet: list[tuple[Step[Any], ConditionUnmetError]] = []
        for step in steps:
            self._times[step.slug] = StepTime(self.clock.seconds - self._began, None)
            try:
                fate = self._fate(step)
            except ConditionUnmetError as error:
                unmet.append((step, error))
                continue
            if fate is None:
                starting.append(step)
            else:
                self._end(step, fate)
        for step in sorted(starting, key=lambda step: _STARTING.index(step.kind)):
            if self.status != "started":
                return
            if step in self.world.callees:
                self._begin_tasks(step)
            else:
                STARTERS[step.kind](self, step)
        if unmet and self.status == "started":
            (step, cause), *others = sorted(unmet, key=lambda both: both[0].slug)
            for other, _ in others:
                self._end(other, FAILED)
            self.fail(step, step_failure(step, cause), always=True)

    def _fate(self, step: Step[Any]) -> Ended | None:
        return fate_when_ready(
            step.slug,
            [self._ended[dep] for dep in self._deps[step.slug]],
            when=step.known_condition,
            when_unmet=step.conduct.when_unmet,
            lookup=self.values.look_up,
        )

    def _begin_tasks(self, step: Step[Any]) -> None:
        self._times.setdefault(step.slug, StepTime(self.clock.seconds - self._began, None))
        tasks = Tasks(self, step, self.world.callees[step])
        self._tasks[step.slug] = tasks
        tasks.begin()

    def _end(self, step: Step[Any], how: Ended) -> None:
        if how.status == "skipped":
            self.values.keep_null(step)
        self._ended[step.slug] = how
        began = self._times[step.slug].started
        self._times[step.slug] = StepTime(began, self.clock.seconds - self._began)
        if step.slug in self._tasks:
            self._tasks[step.slug].stop()
        if step.kind == "failure":
            self.world.open.discard(self)
            return
        for slug in self._dependents[step.slug]:
            self._open_deps[slug] -= 1
            if not self._open_deps[slug]:
                self._ready.append(slug)

    def _come_to_deadline(self) -> None:
        cause = RunDeadlineError(f"the run has not ended by {self.now.isoformat(' ')}")
        error = FlowTestFailedError(
            f"flow {self.flow.slug!r}: {cause.message}",
            hint="give the run more time, `Flow(..., deadline=...)`, or let it wait less",
            flow_slug=self.flow.slug,
            step_slug=None,
        )
        error.__cause__ = cause
        self.end("failed", error)


def _error_document(error: FlowTestFailedError, step: Step[Any] | None) -> dict[str, Any]:
    """Return why the run failed as the worker and the engine would write it down."""
    cause = error.__cause__
    is_of_item = error.attempts or isinstance(cause, SubFlowError | ResultInvalidError)
    has_index = step is not None and step.handler.is_map and is_of_item
    return {
        "code": cause.code if isinstance(cause, TaskError) else HandlerRaisedError.code,
        "type": type(cause).__name__,
        "message": cause.message if isinstance(cause, TaskError) else str(cause),
        **({} if step is None else {"step": step.slug}),
        **({"task_index": error.task_index} if has_index else {}),
    }
