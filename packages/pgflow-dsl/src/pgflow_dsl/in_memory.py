"""Run a flow in memory: for users' unit tests, and as the oracle of the engine's own tests.

Arguments and results go through the same JSON as in production, so what cannot be stored fails
here too. Only what an un-annotated handler returned, while its type was not inferred, is handed on
as it is: a copy for each handler that takes it. There is no database, no lease and no waiting: the
back-off between attempts takes no time. Next: `in_memory_values.py`, what the run knows, and
`replacements.py`, which calls the functions that stand in for handlers.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from pgflow_dsl.context import StepContext
from pgflow_dsl.in_memory_values import Kept, Values
from pgflow_dsl.outcomes import GiveUp
from pgflow_dsl.payloads import payload_document
from pgflow_dsl.replacements import Callee, Replacements, callees
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import R
from pgflow_manifest import HandlerTimeoutError, PgflowError, TaskError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow

__all__ = [
    "FlowTestFailedError",
    "Replacements",
    "TestRun",
    "run_in_memory",
    "run_in_memory_blocking",
]


_AT_ONCE: Final = 100
"""How many items of a map step run at the same time: the default concurrency of a worker."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """What a run in memory came to."""

    __test__: ClassVar[bool] = False  # pytest would collect it for its name

    run_id: uuid.UUID
    results: Mapping[str, Any]
    """The result of every step by slug, read back from JSON into its type; of a step without one,
    which only an un-annotated handler can be, what the handler returned. Of a map step, a list."""
    output: Mapping[str, Any]
    """The results of the leaf steps by slug: the run output."""
    attempts: Mapping[str, int]
    """How many attempts each step took; a map step, those of all its items together."""
    steps: Mapping[str, Step[Any]] = field(repr=False)

    def result(self, step: Step[R]) -> R:
        """Return the result of *step*; raises `KeyError` for a step of another flow."""
        if self.steps.get(step.slug) is not step:
            raise KeyError(f"{step!r} is not a step of the flow that was run")
        return cast("R", self.results[step.slug])


def run_in_memory_blocking(flow: Flow[Any], payload: Any, replace: Replacements) -> TestRun:
    """Do what `run_in_memory` does, from code that is not async."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run_in_memory(flow, payload, replace))
    raise PgflowError(
        f"flow {flow.slug!r}: `flow.test` was called while an event loop is running",
        hint="in async code write `await flow.test_async(...)`",
    )


async def run_in_memory(flow: Flow[Any], payload: Any, replace: Replacements) -> TestRun:
    """Run *flow*, which must have been checked, and return every result.

    Raises:
        FlowTestFailedError: a step failed for good.
        PayloadInvalidError: *payload* does not fit.
        HandlerSignatureError: a replacement asks for an argument that the handler does not have.
    """
    run = _Run(flow, payload_document(flow, payload), callees(flow.steps, replace))
    results = await run.execute()
    waited_for = {dep for step in flow.steps.values() for dep in step.deps}
    return TestRun(
        run_id=run.run_id,
        results=results,
        output={slug: value for slug, value in results.items() if slug not in waited_for},
        attempts=run.attempts,
        steps=flow.steps,
    )


class _Run:
    def __init__(self, flow: Flow[Any], payload: Any, callees: Mapping[str, Callee]) -> None:
        self.run_id = uuid.uuid4()
        self.attempts = dict.fromkeys(flow.steps, 0)
        self._flow = flow
        self._values = Values(payload)
        self._callees = callees

    async def execute(self) -> dict[str, Any]:
        """Return the results by slug, in the order of the steps."""
        ended = {slug: asyncio.Event() for slug in self._flow.steps}

        async def after_deps(step: Step[Any]) -> None:
            for dep in step.deps:
                await ended[dep].wait()
            await self._run_step(step)
            ended[step.slug].set()

        await _all_of(after_deps(step) for step in self._flow.steps.values())
        return {slug: self._values.results[slug] for slug in self._flow.steps}

    async def _run_step(self, step: Step[Any]) -> None:
        over = step.handler.over
        if over is None:
            self._values.keep(step, await self._run_task(step, 0, None))
            return
        try:
            items = self._values.items(step, over)
        except TaskError as error:
            raise FlowTestFailedError(step, 0, _told(error)) from error
        done: list[Kept | None] = [None] * len(items)
        waiting = iter(enumerate(items))

        async def work() -> None:
            for index, item in waiting:
                done[index] = await self._run_task(step, index, item)

        await _all_of(work() for _ in range(min(_AT_ONCE, len(items))))
        self._values.keep(step, cast("list[Kept]", done))

    async def _run_task(self, step: Step[Any], index: int, item: Any) -> Kept:
        most = step.options.max_attempts or self._flow.options.max_attempts
        attempt = 0
        while True:
            attempt += 1
            self.attempts[step.slug] += 1
            try:
                arguments = self._values.arguments(step, item)
                value = await self._attempt(step, arguments, index, attempt, most)
                return self._values.checked(step, value)
            except Exception as error:
                if attempt == most or not _is_retryable(error):
                    raise FlowTestFailedError(step, attempt, _told(error), index) from error

    async def _attempt(
        self, step: Step[Any], arguments: dict[str, Any], index: int, attempt: int, most: int
    ) -> object:
        timeout = step.options.timeout_seconds or self._flow.options.timeout_seconds
        if step.context_parameter is not None:
            arguments[step.context_parameter] = self._context(step, index, attempt, most, timeout)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self._callees[step.slug].call(arguments)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise HandlerTimeoutError(
                f"step {step.slug!r} ran longer than its timeout of {timeout:g} s",
                hint="raise the timeout of the step, or give it less work",
            ) from error

    def _context(
        self, step: Step[Any], index: int, attempt: int, most: int, timeout: float | None
    ) -> StepContext:
        facts = {"run_id": str(self.run_id), "step_slug": step.slug, "attempt": attempt}
        if step.kind == "map":
            facts["task_index"] = index
        return StepContext(
            run_id=self.run_id,
            flow_slug=self._flow.slug,
            step_slug=step.slug,
            attempt=attempt,
            max_attempts=most,
            deadline=datetime.now(UTC) + timedelta(seconds=timeout) if timeout else None,
            task_index=index,
            idempotency_key=f"{self.run_id}/{step.slug}/{index}",
            lease_id=uuid.uuid4(),
            log=logging.LoggerAdapter(logging.getLogger("pgflow.test"), facts),
        )


async def _all_of(parts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run *parts* at the same time; the first failure ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as failures:
        first = failures.exceptions[0]
        raise first from first.__cause__


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_retryable(error: Exception) -> bool:
    if isinstance(error, TaskError):
        return error.retryable
    return not isinstance(error, GiveUp)
