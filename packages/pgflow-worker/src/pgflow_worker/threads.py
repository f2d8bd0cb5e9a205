"""Threads for sync handlers and sync calls: started when needed, never in the way of the end.

Not `ThreadPoolExecutor`, nor `asyncio.to_thread`, because their threads are joined when the
interpreter exits: one handler that hangs, or a database that does, would keep a worker alive that
has long been told to stop.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Work = Callable[[], None]
T = TypeVar("T")


async def in_thread(call: Callable[[], T]) -> T:
    """Run *call*, which may block, in a thread of its own; cancelled, it leaves it to itself."""
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="pgflow-call", daemon=True).start()
    return await asyncio.wrap_future(future)


class ThreadLanes:
    """Runs work in at most *limit* daemon threads; the oldest work first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0

    def submit(self, work: Work) -> None:
        """Run *work*, which must not raise, in a thread, with the caller's context variables."""
        context = contextvars.copy_context()
        with self._lock:
            # Counted here and not by the thread, so that two submissions never count on one lane.
            if self._waiting > 0:
                self._waiting -= 1
            elif self._threads < self._limit:
                self._threads += 1
                threading.Thread(
                    target=self._run, name=f"pgflow-handler-{self._threads}", daemon=True
                ).start()
        self._queue.put(lambda: context.run(work))

    def close(self) -> None:
        """Let every thread end once it has nothing to do; does not wait for it."""
        with self._lock:
            threads = self._threads
        for _ in range(threads):
            self._queue.put(None)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            work()
            with self._lock:
                self._waiting += 1
