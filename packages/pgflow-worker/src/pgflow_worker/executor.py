"""Run the handlers of claimed tasks, and make sure that each ends with exactly one outcome.

Async handlers are asyncio tasks. One task costs 3 µs, of the 50 µs that a step may cost in all, so
handlers are not stepped by hand: `current_task()`, `asyncio.timeout()` and context variables are
what every library expects. Sync handlers run in threads (threads.py).

Whatever a handler does, such as swallowing its cancellation, raising `SystemExit` or never ending,
its slot is freed when it really ends, and its outcome is decided once.
"""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pgflow_dsl import StepContext
from pgflow_worker.lease import Lease, StopReason
from pgflow_worker.logs import current_lease, logger, task_logger
from pgflow_worker.outcome import Completed, Outcome, raised, returned, timed_out
from pgflow_worker.threads import ThreadLanes

PATIENCE: Final = 5.0
"""Seconds that an async handler has to react to its cancellation before its slot is written off."""
FORGET: Final = 4096
"""Bytes of arguments from which on it is worth letting go of their text once they are decoded."""


class Executor:
    """Runs handlers within the cap and hands over their outcomes.

    Args:
        concurrency: size of the thread pool.
        report: takes each outcome; called in the loop.
        freed: called in the loop whenever a slot becomes free without an outcome.
    """

    def __init__(
        self, concurrency: int, report: Callable[[Outcome], None], freed: Callable[[], None]
    ) -> None:
        self.running: set[Lease] = set()
        """Handlers that have not ended, those written off among them: each occupies a slot."""
        self._report = report
        self._freed = freed
        self._threads = ThreadLanes(concurrency)
        self._loop = asyncio.get_running_loop()

    def start(self, lease: Lease) -> None:
        """Run the handler of *lease*; its outcome comes by `report`."""
        self.running.add(lease)
        if (timeout := lease.task.timeout_seconds) is not None:
            lease.timer = self._loop.call_later(timeout, self._time_out, lease)
        if lease.handler.is_async:
            task = self._loop.create_task(self._run_async(lease))
            lease.aio_task = task
            # A task that is cancelled before its first step never enters `_run_async`.
            task.add_done_callback(lambda task: self._never_ran(task, lease))
        else:
            self._threads.submit(lambda: self._run_in_thread(lease))

    def stop(self, lease: Lease, reason: StopReason) -> None:
        """Tell a handler to stop; does nothing when it has ended."""
        if lease not in self.running:
            return
        lease.stop(reason)
        if lease.aio_task is not None:
            lease.aio_task.cancel(reason.value)

    def write_off(self, lease: Lease, outcome: Outcome | None) -> None:
        """Decide the outcome of a handler that still runs; None when nobody wants to know.

        Its slot stays occupied until it really ends.
        """
        if lease.ended:
            return
        lease.ended = True
        self._cancel_timer(lease)
        if outcome is not None:
            self._report(outcome)

    def close(self) -> None:
        """Let idle threads end."""
        self._threads.close()

    async def _run_async(self, lease: Lease) -> None:
        current_lease.set(lease)
        handler = lease.handler
        outcome: Outcome
        try:
            value = await handler.fn(**_arguments(lease))
            outcome = returned(lease, value)
        except BaseException as error:
            outcome = raised(lease, error)
        self._end(lease, outcome)

    def _never_ran(self, task: asyncio.Task[None], lease: Lease) -> None:
        if lease in self.running:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            self._end(lease, raised(lease, error or asyncio.CancelledError()))

    def _run_in_thread(self, lease: Lease) -> None:
        current_lease.set(lease)
        handler = lease.handler
        outcome: Outcome
        try:
            if lease.stop_reason is not None:
                raise asyncio.CancelledError  # noqa: TRY301 - it has not begun, so it need not
            value = handler.fn(**_arguments(lease))
            outcome = returned(lease, value)
        except BaseException as error:
            outcome = raised(lease, error)
        try:
            self._loop.call_soon_threadsafe(self._end, lease, outcome)
        except RuntimeError:
            # The loop is closed: the worker has ended and released the task already.
            logger.debug("a handler ended after its worker", extra=lease.fields())

    def _end(self, lease: Lease, outcome: Outcome) -> None:
        self.running.discard(lease)
        self._cancel_timer(lease)
        lease.aio_task = None
        if lease.ended:
            self._freed()
            return
        lease.ended = True
        if lease.stop_reason is StopReason.LOST:
            logger.info(
                "the lease was lost; what its handler brought is dropped", extra=lease.fields()
            )
            self._freed()
            return
        if lease.stop_reason is StopReason.TIMEOUT and isinstance(outcome, Completed):
            outcome = timed_out(lease)
        self._report(outcome)

    def _time_out(self, lease: Lease) -> None:
        if lease.ended:
            return
        self.stop(lease, StopReason.TIMEOUT)
        if lease.aio_task is None:
            self._abandon(lease)
        else:
            lease.timer = self._loop.call_later(PATIENCE, self._abandon, lease)

    def _abandon(self, lease: Lease) -> None:
        if lease.ended:
            return
        logger.warning(
            "the handler is over its timeout and still runs; its slot stays occupied until it ends",
            extra=lease.fields(),
        )
        self.write_off(lease, timed_out(lease))

    @staticmethod
    def _cancel_timer(lease: Lease) -> None:
        if lease.timer is not None:
            lease.timer.cancel()
            lease.timer = None


def _arguments(lease: Lease) -> dict[str, Any]:
    handler = lease.handler
    arguments = handler.decode(lease.task.args)
    if len(lease.task.args) > FORGET:
        lease.task = lease.task._replace(args=b"")
    if handler.context_parameter is not None:
        arguments[handler.context_parameter] = _context_of(lease)
    return arguments


def _context_of(lease: Lease) -> StepContext:
    task, handler = lease.task, lease.handler
    timeout = task.timeout_seconds
    event = threading.Event()
    lease.watch(event)
    return StepContext(
        run_id=lease.run_id,
        flow_slug=handler.flow_slug,
        step_slug=handler.step_slug,
        attempt=task.attempt,
        max_attempts=task.max_attempts,
        task_index=task.task_index,
        deadline=None if timeout is None else datetime.now(UTC) + timedelta(seconds=timeout),
        idempotency_key=f"{lease.run_id}/{handler.step_slug}/{task.task_index}",
        lease_id=lease.lease_id,
        log=task_logger(lease),
        cancel_event=event,
    )
