"""Sub-flows in memory: the run that a step starts, or one for each item of a list.

They are runs like the one that starts them, on the same clock. Next: `in_memory_run.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pgflow_dsl.in_memory_outcome import step_failure
from pgflow_dsl.in_memory_values import NOTHING, Kept
from pgflow_dsl.payloads import payload_document
from pgflow_dsl.step import Step
from pgflow_dsl.waiting import PAYLOAD
from pgflow_manifest import (
    ArgumentsInvalidError,
    PayloadInvalidError,
    ResultInvalidError,
    SubFlowError,
    TaskError,
)

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.in_memory_run import Run

_DEEPEST: Final = 16
"""How deep a run may be inside others, as in the engine."""


def start_sub_flow(run: Run, step: Step[Any]) -> None:
    """Start what *step*, of the kind `flow`, has to start."""
    assert step.sub_flow is not None
    over = step.handler.over
    items: list[Any] = [None]
    if over is not None:
        try:
            items = list(run.values.items(step, over))
        except TaskError as error:
            run.fail(step, step_failure(step, error))
            return
    _SubRuns(run, step, *step.sub_flow, len(items)).begin(items)


class _SubRuns:
    """The runs that a step has started, and what they came to."""

    def __init__(
        self, run: Run, step: Step[Any], flow: Flow[Any], result: Step[Any], count: int
    ) -> None:
        self._run = run
        self._step = step
        self._flow = flow
        self._result = result
        self._results = [NOTHING] * count
        self._open = count
        self._begun: list[Run] = []

    def begin(self, items: list[Any]) -> None:
        """Start a run for each of *items*; none if one of them fails the step."""
        payloads: list[Any] = []
        refused: dict[int, TaskError] = {}
        for index, item in enumerate(items):
            try:
                payloads.append(self._payload(item))
            except TaskError as error:
                payloads.append(None)
                refused[index] = error
        for index, cause in refused.items():
            self._fail(index, cause)
        if not items:
            self._run.complete(self._step, [])
        for index, payload in enumerate(payloads):
            if index not in refused and self._run.is_started(self._step):
                self._start(index, payload)

    def _start(self, index: int, payload: Any) -> None:
        self._begun.append(
            self._run.start_sub_run(self._flow, payload, lambda ended: self._take(index, ended))
        )

    def _payload(self, item: Any) -> Any:
        """Return what a run starts with; raises `SubFlowError`."""
        why = f"runs may be inside each other {_DEEPEST} deep"
        if self._run.depth < _DEEPEST:
            try:
                arguments = self._run.values.arguments(self._step, item)
                return payload_document(self._flow, arguments[PAYLOAD])
            except (ArgumentsInvalidError, PayloadInvalidError) as error:
                why = f"the payload does not fit: {error.message}"
        raise SubFlowError(f"no run of flow {self._flow.slug!r} was started: {why}")

    def _take(self, index: int, ended: Run) -> None:
        """Take in how a run has ended."""
        if not self._run.is_started(self._step):
            return
        try:
            self._results[index] = self._outcome(ended)
        except TaskError as error:
            self._fail(index, error)
        else:
            self._close()

    def _outcome(self, ended: Run) -> Kept:
        result = self._result
        if ended.status != "completed":
            cause = SubFlowError(
                f"run {ended.run_id} of flow {ended.flow.slug!r} has failed: "
                f"{ended.values.error['message']}",
                details={"sub_run_id": str(ended.run_id), "error": ended.values.error},
            )
            cause.__cause__ = ended.error
            raise cause
        may_be_none = self._skips_items or self._step.binding.returned.may_be_none
        if ended.is_skipped(result) and not may_be_none:
            raise ResultInvalidError(
                f"step {result.slug!r} of flow {ended.flow.slug!r} was skipped, and its result "
                "is null",
                hint="let it be skipped with `skip`, so that the type says so",
            )
        return ended.values.kept(result)

    def _fail(self, index: int, cause: TaskError) -> None:
        """Take in that an item came to nothing: it is None in the list, or the step fails."""
        if not self._run.is_started(self._step):
            return
        is_map = self._step.handler.is_map
        error = step_failure(self._step, cause, task_index=index if is_map else None)
        if self._skips_items:
            self._run.failures.setdefault(self._step.slug, []).append(error)
            self._close()
            return
        for begun in self._begun:
            if begun.status == "started":
                begun.end("cancelled")
        self._run.fail(self._step, error)

    @property
    def _skips_items(self) -> bool:
        return self._step.handler.is_map and self._step.conduct.on_failure == "skip"

    def _close(self) -> None:
        self._open -= 1
        if not self._open:
            is_map = self._step.handler.is_map
            self._run.complete(self._step, self._results if is_map else self._results[0])
