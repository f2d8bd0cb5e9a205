"""What a run in memory came to, and the error when it failed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, cast

from pgflow_dsl.fate import SkipReason
from pgflow_dsl.run_error import RunError
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_manifest import PgflowError, StepStatus


class FlowTestFailedError(PgflowError):
    """A flow that ran in memory failed, or waits for a signal that the test does not send.

    Where a handler failed, its exception is the `__cause__`. *step_slug* is None when the run came
    to its deadline; *task_index* says which item of a map it was, from 0; *attempts* are those
    of that item, 0 where no handler was called.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        flow_slug: str,
        step_slug: str | None,
        task_index: int = 0,
        attempts: int = 0,
    ) -> None:
        super().__init__(
            message,
            hint=hint,
            details={
                "flow": flow_slug,
                "step": step_slug,
                "task_index": task_index,
                "attempts": attempts,
            },
        )
        self.flow_slug = flow_slug
        self.step_slug = step_slug
        self.task_index = task_index
        self.attempts = attempts
        self.run: TestRun | None = None
        """How far the run came, the failure handler included; None for a step that was skipped."""


def step_failure(
    step: Step[Any], cause: Exception, *, attempts: int = 0, task_index: int | None = None
) -> FlowTestFailedError:
    """Return the error of *step*, which failed for good because of *cause*."""
    where = "" if task_index is None or not step.handler.is_map else f" at item {task_index}"
    if attempts:
        when = f"{where} after {attempts} attempt{'' if attempts == 1 else 's'}"
        told = cause.message if isinstance(cause, PgflowError) else cause
        why = f"{type(cause).__name__}: {told}"
    else:
        when = " before its first attempt" if step.kind == "map" else where
        why = cause.message if isinstance(cause, PgflowError) else str(cause)
    is_own = attempts and not isinstance(cause, PgflowError)
    whose = "is the handler's own" if is_own else "says what is wrong"
    error = FlowTestFailedError(
        f"flow {step.flow_slug!r}: step {step.slug!r} failed{when}: {why}",
        hint=f"the exception above this one {whose}",
        flow_slug=step.flow_slug,
        step_slug=step.slug,
        task_index=task_index or 0,
        attempts=attempts,
    )
    error.__cause__ = cause
    return error


@dataclass(frozen=True, slots=True)
class StepTime:
    """When a step started and ended, in seconds from when the run began."""

    started: float
    """When its deps had ended; a `start_delay` comes after it."""
    ended: float | None
    """None for a step that had not ended when the run did."""

    @property
    def took(self) -> float:
        """The seconds from start to end.

        Raises:
            ValueError: it has not ended.
        """
        if self.ended is None:
            raise ValueError("the step has not ended")
        return self.ended - self.started


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What a run in memory came to."""

    __test__: ClassVar[bool] = False  # pytest would collect it for its name

    run_id: uuid.UUID
    results: Mapping[str, Any]
    """The result of every step by slug, read back from JSON into its type; of a step without one,
    which only an un-annotated handler can be, what the handler returned. Of a map step, a list; of
    a step that was skipped, None. A run that failed has those of the steps that had ended."""
    output: Mapping[str, Any]
    """The results of the leaf steps by slug: the run output. Empty when the run failed."""
    attempts: Mapping[str, int]
    """How many attempts each step took; a map step, those of all its items together."""
    statuses: Mapping[str, StepStatus]
    """How each step ended. The failure handler stays `created` in a run that did not fail."""
    skip_reasons: Mapping[str, SkipReason]
    """Why steps were skipped, by slug."""
    failures: Mapping[str, Sequence[FlowTestFailedError]]
    """By slug, the failures for good that did not fail the run: of steps that were skipped, of
    items of a map that are None, of the failure handler."""
    error: RunError | None
    """Why the run failed, as its failure handler is told; None when it did not."""
    elapsed: float
    """How many seconds the run took, on a clock on which only delays and waiting take time."""
    now: datetime
    """The time on that clock when the run ended."""
    times: Mapping[str, StepTime]
    """By slug, when each step that has begun started and ended on that clock."""
    attempt_seconds: Mapping[str, Sequence[float]]
    """By slug, when each attempt began on that clock: with the back-off, and without jitter."""
    signals: Mapping[str, str]
    """By slug, what who sent the signal was told: `completed`, or `kept` when the step did not wait
    yet; or the code of the refusal, `PF306` when the step had ended, `PF302` when the run had."""
    steps: Mapping[str, Step[Any]] = field(repr=False)

    def result(self, step: Step[R]) -> R:
        """Return the result of *step*.

        Raises:
            KeyError: it is a step of another flow, or had not ended when the run failed.
        """
        if self.steps.get(step.slug) is not step:
            raise KeyError(f"{step!r} is not a step of the flow that was run")
        return cast("R", self.results[step.slug])
