"""One claimed task from claim to report, and why its handler should stop.

Three parties look at a lease: the loop that runs the handler, the keeper thread that extends it
(keeper.py), and the thread of a sync handler. What the threads write is one flag, set once.
"""

import asyncio
import threading
from enum import Enum
from uuid import UUID

from pgflow_worker.loader import Handler
from pgflow_worker.rows import ClaimedTask


class StopReason(Enum):
    """Why a handler was told to stop before it ended by itself."""

    LOST = "lost"
    """The lease is over: the run was cancelled or has failed, or the task went to another."""
    TIMEOUT = "timeout"
    """The handler ran longer than its step allows."""
    SHUTDOWN = "shutdown"
    """The worker ends and the grace period is over."""


class Lease:
    """The right to run one task, and what became of it."""

    __slots__ = (
        "aio_task",
        "cancel_event",
        "ended",
        "extend_at",
        "handler",
        "stop_reason",
        "task",
        "timer",
    )

    def __init__(self, task: ClaimedTask, handler: Handler, extend_at: float) -> None:
        self.task = task
        self.handler = handler
        self.extend_at = extend_at
        """When to extend it next, on the monotonic clock."""
        self.stop_reason: StopReason | None = None
        self.ended = False
        """The attempt has its outcome; a later one is dropped."""
        self.aio_task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.cancel_event: threading.Event | None = None
        """What the handler's context shows; made only for handlers that ask for their context."""

    def stop(self, reason: StopReason) -> None:
        """Tell the handler that its result is no longer wanted; any thread may."""
        if self.stop_reason is None:
            self.stop_reason = reason
        if self.cancel_event is not None:
            self.cancel_event.set()

    def watch(self, event: threading.Event) -> None:
        """Set *event* once the handler should stop, also when that was before."""
        self.cancel_event = event
        if self.stop_reason is not None:
            event.set()

    @property
    def run_id(self) -> UUID:
        """The run that the task belongs to."""
        return UUID(bytes=self.task.run_id)

    @property
    def lease_id(self) -> UUID:
        """The claim, as every report names it."""
        return UUID(bytes=self.task.lease_id)

    def fields(self) -> dict[str, object]:
        """Name the task in a log line."""
        named: dict[str, object] = {
            "flow": self.handler.flow_slug,
            "run": str(self.run_id),
            "step": self.handler.step_slug,
        }
        if self.handler.is_map:
            named["task_index"] = self.task.task_index
        named["attempt"] = self.task.attempt
        return named
