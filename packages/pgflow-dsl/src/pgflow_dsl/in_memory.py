"""Run a flow in memory: for users' unit tests, and as the oracle of the engine's own tests.

Arguments and results go through the same JSON as in production, so what cannot be stored fails
here too. Only what an un-annotated handler returned, while its type was not inferred, is handed on
as it is: a copy for each handler that takes it. There is no database, no lease and no waiting:
delays pass on a clock of the run alone. Next: `fate.py`, the rules of what starts, is skipped and
fails; `in_memory_values.py`, what the run knows; `in_memory_outcome.py`, what it came to; and
`replacements.py`, which calls the functions that stand in for handlers.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pgflow_dsl.context import StepContext
from pgflow_dsl.fate import (
    COMPLETED,
    FAILED,
    Ended,
    fate_when_failed,
    fate_when_ready,
    retry_delay,
)
from pgflow_dsl.in_memory_outcome import FlowTestFailedError, TestRun
from pgflow_dsl.in_memory_values import NOTHING, Kept, Values
from pgflow_dsl.outcomes import GiveUp, Retry
from pgflow_dsl.payloads import payload_document
from pgflow_dsl.replacements import Callee, Replacements, callees
from pgflow_dsl.step import Step
from pgflow_manifest import (
    ConditionUnmetError,
    HandlerRaisedError,
    HandlerTimeoutError,
    PgflowError,
    TaskError,
)

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
        FlowTestFailedError: the run failed.
        PayloadInvalidError: *payload* does not fit.
        HandlerSignatureError: a replacement asks for an argument that the handler does not have.
    """
    run = _Run(flow, payload_document(flow, payload), callees(flow.steps, replace))
    try:
        await run.execute()
    except FlowTestFailedError as error:
        await run.handle(error)
        error.run = run.outcome(has_failed=True)
        raise
    return run.outcome(has_failed=False)


class _Run:
    def __init__(self, flow: Flow[Any], payload: Any, callees: Mapping[str, Callee]) -> None:
        self.run_id = uuid.uuid4()
        self._flow = flow
        self._values = Values(payload)
        self._callees = callees
        self._ended: dict[str, Ended] = {}
        self._ended_at: dict[str, float] = {}
        self._attempt_seconds: dict[str, list[float]] = {slug: [] for slug in flow.steps}
        self._failures: dict[str, list[FlowTestFailedError]] = {}

    async def execute(self) -> None:
        """Run all steps but the failure handler; raises `FlowTestFailedError`."""
        steps = [step for step in self._flow.steps.values() if step.kind != "failure"]
        events = {step.slug: asyncio.Event() for step in steps}

        async def after_deps(step: Step[Any]) -> None:
            for dep in step.deps:
                await events[dep].wait()
            await self._run_step(step)
            events[step.slug].set()

        await _all_of(after_deps(step) for step in steps)

    async def handle(self, error: FlowTestFailedError) -> None:
        """Take in that the run failed, and run the failure handler if there is one."""
        failed = self._flow.steps[error.step_slug]
        self._end(failed, FAILED, self._begin(failed.slug))
        handler = self._flow.failure_handler
        if handler is None:
            return
        self._values.error = _error_document(error, failed)
        failed_at = self._seconds
        try:
            kept = await self._run_task(handler, 0, None, failed_at)
        except FlowTestFailedError as failure:
            self._failures[handler.slug] = [failure]
            self._end(handler, FAILED, failed_at)
        else:
            self._values.keep(handler, kept)
            self._end(handler, COMPLETED, failed_at)

    def outcome(self, *, has_failed: bool) -> TestRun:
        """Return what there is to be told."""
        steps, ended = self._flow.steps, self._ended
        waited_for = {dep for step in steps.values() for dep in step.deps}
        results = {
            slug: self._values.results[slug] for slug in steps if slug in self._values.results
        }
        return TestRun(
            run_id=self.run_id,
            results=results,
            output={}
            if has_failed
            else {slug: value for slug, value in results.items() if slug not in waited_for},
            attempts={slug: len(begun) for slug, begun in self._attempt_seconds.items()},
            statuses={
                slug: ended[slug].status
                if slug in ended
                else ("cancelled" if step.kind != "failure" else "created")
                for slug, step in steps.items()
            },
            skip_reasons={
                slug: how.skip_reason for slug, how in ended.items() if how.skip_reason is not None
            },
            failures=self._failures,
            seconds=self._seconds,
            attempt_seconds=self._attempt_seconds,
            steps=steps,
        )

    @property
    def _seconds(self) -> float:
        return max(self._ended_at.values(), default=0.0)

    def _begin(self, slug: str) -> float:
        return max((self._ended_at.get(dep, 0.0) for dep in self._flow.steps[slug].deps), default=0)

    def _end(self, step: Step[Any], how: Ended, begin: float) -> None:
        """Take in how *step* ended, which could begin at *begin*: with its last attempt."""
        if how.status == "skipped":
            self._values.keep_null(step)
        self._ended[step.slug] = how
        self._ended_at[step.slug] = max([begin, *self._attempt_seconds[step.slug]])

    async def _run_step(self, step: Step[Any]) -> None:
        ready_at = self._begin(step.slug)
        try:
            fate = fate_when_ready(
                step.slug,
                [self._ended[dep] for dep in step.deps],
                when=step.known_condition,
                when_unmet=step.conduct.when_unmet,
                lookup=self._values.look_up,
            )
        except ConditionUnmetError as error:
            raise FlowTestFailedError(step, 0, error.message) from error
        if fate is not None:
            self._end(step, fate, ready_at)
            return
        begin = ready_at + step.options.start_delay_seconds
        try:
            await self._run_tasks(step, begin)
        except FlowTestFailedError as error:
            skipped = fate_when_failed(step.kind, step.conduct.on_failure)
            if skipped == "gap" or skipped.status == "failed":
                raise
            self._failures[step.slug] = [error]
            self._end(step, skipped, begin)
        else:
            self._end(step, COMPLETED, begin)

    async def _run_tasks(self, step: Step[Any], begin: float) -> None:
        """Run what the step has to run, and keep its result."""
        over = step.handler.over
        if over is None:
            self._values.keep(step, await self._run_task(step, 0, None, begin))
            return
        try:
            items = self._values.items(step, over)
        except TaskError as error:
            raise FlowTestFailedError(step, 0, _told(error)) from error
        done: list[Kept] = [NOTHING] * len(items)
        waiting = iter(enumerate(items))

        async def work() -> None:
            for index, item in waiting:
                try:
                    done[index] = await self._run_task(step, index, item, begin)
                except FlowTestFailedError as error:
                    if fate_when_failed(step.kind, step.conduct.on_failure) != "gap":
                        raise
                    self._failures.setdefault(step.slug, []).append(error)

        await _all_of(work() for _ in range(min(_AT_ONCE, len(items))))
        self._values.keep(step, done)

    async def _run_task(self, step: Step[Any], index: int, item: Any, begin: float) -> Kept:
        """Return what one task came to, after as many attempts as it takes."""
        most = step.options.max_attempts or self._flow.options.max_attempts
        attempt, at = 0, begin
        while True:
            attempt += 1
            self._attempt_seconds[step.slug].append(at)
            try:
                arguments = self._values.arguments(step, item)
                value = await self._attempt(step, arguments, index, attempt, most)
                return self._values.checked(step, value)
            except Exception as error:
                if attempt == most or not _is_retryable(error):
                    raise FlowTestFailedError(step, attempt, _told(error), index) from error
                at += self._delay(step, attempt, error)

    def _delay(self, step: Step[Any], attempt: int, error: Exception) -> float:
        if isinstance(error, Retry) and error.after is not None:
            return error.after
        own, of_flow = step.options, self._flow.options
        base, most = own.base_delay_seconds, own.max_delay_seconds
        return retry_delay(
            attempt,
            backoff=own.backoff or of_flow.backoff,
            base=of_flow.base_delay_seconds if base is None else base,
            most=of_flow.max_delay_seconds if most is None else most,
        )

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


def _error_document(error: FlowTestFailedError, step: Step[Any]) -> dict[str, Any]:
    """Return why the run failed as the worker and the engine would write it down."""
    cause = error.__cause__
    return {
        "code": cause.code if isinstance(cause, TaskError) else HandlerRaisedError.code,
        "type": type(cause).__name__,
        "message": cause.message if isinstance(cause, TaskError) else str(cause),
        "step": step.slug,
        **({"task_index": error.task_index} if step.kind == "map" and error.attempts else {}),
    }


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_retryable(error: Exception) -> bool:
    if isinstance(error, TaskError):
        return error.retryable
    return not isinstance(error, GiveUp)
