"""What a run in memory came to, and the error when it failed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, cast

from pgflow_dsl.fate import SkipReason
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_manifest import PgflowError, StepStatus


class FlowTestFailedError(PgflowError):
    """A step failed for good while a flow ran in memory.

    The exception of the handler is its `__cause__`. *task_index* says which item of a map step it
    was, from 0; *attempts* are those of that item, 0 when there was no list to go over.
    """

    def __init__(self, step: Step[Any], attempts: int, why: str, task_index: int = 0) -> None:
        when = f"after {attempts} attempt{'' if attempts == 1 else 's'}"
        if step.kind == "map":
            when = f"at item {task_index} {when}" if attempts else "before its first attempt"
        super().__init__(
            f"flow {step.flow_slug!r}: step {step.slug!r} failed {when}: {why}",
            hint="the exception above this one is the handler's own"
            if attempts
            else "the exception above this one says what is wrong",
            details={
                "flow": step.flow_slug,
                "step": step.slug,
                "task_index": task_index,
                "attempts": attempts,
            },
        )
        self.flow_slug = step.flow_slug
        self.step_slug = step.slug
        self.task_index = task_index
        self.attempts = attempts
        self.run: TestRun | None = None
        """How far the run came, the failure handler included; None for a step that was skipped."""


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
    seconds: float
    """When the run ended, on a clock that begins at 0 and on which only delays take time."""
    attempt_seconds: Mapping[str, Sequence[float]]
    """By slug, when each attempt began on that clock: with the back-off, and without jitter."""
    steps: Mapping[str, Step[Any]] = field(repr=False)

    def result(self, step: Step[R]) -> R:
        """Return the result of *step*.

        Raises:
            KeyError: it is a step of another flow, or had not ended when the run failed.
        """
        if self.steps.get(step.slug) is not step:
            raise KeyError(f"{step!r} is not a step of the flow that was run")
        return cast("R", self.results[step.slug])
