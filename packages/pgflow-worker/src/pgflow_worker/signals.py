"""Hooks that let a test wait for an event of the worker instead of sleeping.

In production nobody listens, and `fire` is one comparison. A test calls `listen` before the
worker starts and then `wait`, from any thread or loop.
"""

import asyncio
import threading
from collections import deque
from time import monotonic
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


class Signal(Generic[T]):
    """One kind of event; remembers what was fired once somebody listens."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._fired: deque[T] | None = None
        self._changed = threading.Condition()

    def listen(self) -> None:
        """Start to remember events."""
        self._fired = deque()

    def fire(self, value: T) -> None:
        """Tell that it happened; does nothing when nobody listens."""
        if self._fired is None:
            return
        with self._changed:
            self._fired.append(value)
            self._changed.notify_all()

    def wait_blocking(self, timeout: float = 10.0) -> T:
        """Return the oldest event not yet taken; `TimeoutError` when none comes in time."""
        deadline = monotonic() + timeout
        with self._changed:
            if self._fired is None:
                raise RuntimeError(f"call listen() before waiting for the signal {self.name!r}")
            while not self._fired:
                if not self._changed.wait(deadline - monotonic()) and not self._fired:
                    raise TimeoutError(f"the signal {self.name!r} did not come in {timeout} s")
            return self._fired.popleft()

    async def wait(self, timeout: float = 10.0) -> T:  # noqa: ASYNC109 - mirrors wait_blocking
        """Return the oldest event not yet taken, without blocking the loop."""
        return await asyncio.to_thread(self.wait_blocking, timeout)


class Signals:
    """Every event of a worker that a test may wait for."""

    def __init__(self) -> None:
        self.started: Signal[UUID] = Signal("started")
        """Registered and about to claim; carries the worker's id."""
        self.claimed: Signal[int] = Signal("claimed")
        """Tasks were claimed; how many."""
        self.reported: Signal[int] = Signal("reported")
        """Outcomes were accepted or found stale; how many."""
        self.idle: Signal[float] = Signal("idle")
        """Nothing to do; how many seconds until the next look, unless woken."""
        self.extended: Signal[int] = Signal("extended")
        """Leases were extended; how many."""
        self.lease_lost: Signal[UUID] = Signal("lease_lost")
        """A handler was told to stop; carries the lease."""
        self.disconnected: Signal[str] = Signal("disconnected")
        """A connection is gone; whose: `exchange` or `keeper`."""
        self.reconnected: Signal[str] = Signal("reconnected")
        """A connection is back; whose."""
        self.draining: Signal[int] = Signal("draining")
        """No more claims; how many handlers still run."""

    def listen(self) -> "Signals":
        """Start to remember every kind of event."""
        for signal in vars(self).values():
            signal.listen()
        return self
