"""The tasks of a step in memory: attempts, retries and timeouts, for one handler or every item.

Next: `in_memory_run.py`, which is told how they end, and `replacements.py`, which calls the
functions that stand in for handlers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pgflow_dsl.context import StepContext
from pgflow_dsl.fate import fate_when_failed, retry_delay
from pgflow_dsl.in_memory_outcome import step_failure
from pgflow_dsl.in_memory_values import NOTHING, Kept
from pgflow_dsl.outcomes import Cancelled, GiveUp, Retry
from pgflow_dsl.replacements import Callee
from pgflow_dsl.step import Step
from pgflow_dsl.virtual_clock import Rank, Work
from pgflow_manifest import HandlerRaisedError, HandlerTimeoutError, TaskError

if TYPE_CHECKING:
    from pgflow_dsl.in_memory_run import Run


class Tasks:
    """What a step with a handler, or with a function in its place, has to run."""

    def __init__(self, run: Run, step: Step[Any], callee: Callee) -> None:
        self._run = run
        self._step = step
        self._callee = callee
        self._is_stopped = False
        self._works: dict[int, tuple[Work, threading.Event]] = {}
        self._results: list[Kept] = []
        self._open = 0

    def begin(self) -> None:
        """Plan the first attempts."""
        step, over = self._step, self._step.handler.over
        items: list[Any] = [None]
        if over is not None:
            try:
                items = list(self._run.values.items(step, over))
            except TaskError as error:
                self._run.fail(step, step_failure(step, error))
                return
        self._results, self._open = [NOTHING] * len(items), len(items)
        if not items:
            self._run.complete(step, [])
        for index, item in enumerate(items):
            self._plan(index, item, 1, step.options.start_delay_seconds)

    def stop(self) -> None:
        """Stop what still runs, and begin no further attempt."""
        self._is_stopped = True
        for work, cancel_event in self._works.values():
            cancel_event.set()
            work.cancel()
        self._works.clear()

    def _plan(self, index: int, item: Any, attempt: int, delay: float) -> None:
        self._run.clock.call_after(
            delay,
            Rank.TASK,
            lambda: self._begin(index, item, attempt),
            is_wanted=lambda: not self._is_stopped,
        )

    def _begin(self, index: int, item: Any, attempt: int) -> None:
        cancel_event = threading.Event()
        self._run.note_attempt(self._step)

        async def work() -> Kept:
            arguments = self._run.values.arguments(self._step, item)
            value = await self._call(arguments, index, attempt, cancel_event)
            return self._run.values.checked(self._step, value)

        def then(done: asyncio.Task[Kept]) -> None:
            del self._works[index]
            self._take(index, item, attempt, done)

        self._works[index] = self._run.clock.begin(work, then), cancel_event

    def _take(self, index: int, item: Any, attempt: int, done: asyncio.Task[Kept]) -> None:
        step, error = self._step, _error_of(done)
        if error is None:
            self._results[index] = done.result()
        elif not isinstance(error, Exception):
            raise error
        elif attempt < self._max_attempts and _is_retryable(error):
            self._plan(index, item, attempt + 1, self._delay(attempt, error))
            return
        else:
            failure = step_failure(step, error, attempts=attempt, task_index=index)
            if fate_when_failed(step.conduct.on_failure, is_map=step.handler.is_map) != "gap":
                self._run.fail(step, failure)
                return
            self._run.failures.setdefault(step.slug, []).append(failure)
        self._open -= 1
        if not self._open:
            is_list = step.handler.over is not None
            self._run.complete(step, self._results if is_list else self._results[0])

    @property
    def _max_attempts(self) -> int:
        return self._step.options.max_attempts or self._run.flow.options.max_attempts

    def _delay(self, attempt: int, error: Exception) -> float:
        if isinstance(error, Retry) and error.after is not None:
            return error.after
        own, of_flow = self._step.options, self._run.flow.options
        base, most = own.base_delay_seconds, own.max_delay_seconds
        return retry_delay(
            attempt,
            backoff=own.backoff or of_flow.backoff,
            base=of_flow.base_delay_seconds if base is None else base,
            most=of_flow.max_delay_seconds if most is None else most,
        )

    async def _call(
        self, arguments: dict[str, Any], index: int, attempt: int, cancel_event: threading.Event
    ) -> object:
        step = self._step
        timeout = step.options.timeout_seconds or self._run.flow.options.timeout_seconds
        if step.context_parameter is not None:
            arguments[step.context_parameter] = self._context(index, attempt, timeout, cancel_event)
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await self._callee.call(arguments)
        except TimeoutError as error:
            if not limit.expired():
                raise
            cancel_event.set()
            raise HandlerTimeoutError(
                f"step {step.slug!r} ran longer than its timeout of {timeout:g} s",
                hint="raise the timeout of the step, or give it less work",
            ) from error

    def _context(
        self, index: int, attempt: int, timeout: float | None, cancel_event: threading.Event
    ) -> StepContext:
        run_id, step = self._run.run_id, self._step
        facts = {"run_id": str(run_id), "step_slug": step.slug, "attempt": attempt}
        if step.kind == "map":
            facts["task_index"] = index
        return StepContext(
            run_id=run_id,
            flow_slug=step.flow_slug,
            step_slug=step.slug,
            attempt=attempt,
            max_attempts=self._max_attempts,
            # of the time outside, in which handlers run
            deadline=datetime.now(UTC) + timedelta(seconds=timeout) if timeout else None,
            task_index=index,
            idempotency_key=f"{run_id}/{step.slug}/{index}",
            lease_id=uuid.uuid4(),
            log=logging.LoggerAdapter(logging.getLogger("pgflow.test"), facts),
            cancel_event=cancel_event,
        )


def _error_of(done: asyncio.Task[Kept]) -> BaseException | None:
    """Return what ended an attempt, which we have not stopped; None when it has a result."""
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if not isinstance(error, (asyncio.CancelledError, Cancelled)):
        return error
    told = HandlerRaisedError(
        f"the handler ended by {type(error).__name__}, but nobody asked it to stop"
    )
    told.__cause__ = error
    return told


def _is_retryable(error: Exception) -> bool:
    if isinstance(error, TaskError):
        return error.retryable
    return not isinstance(error, GiveUp)
