"""The clock of runs in memory, on which waiting takes no time.

It stands still while a handler runs and jumps to what is due next when none does. A handler that
really takes as long as it is until then does not hold it up: then the clock moves on, as the time
outside has. Next: `in_memory_run.py`, whose steps wait for it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from functools import partial
from typing import Any, Final

_AT_ONCE: Final = 100
"""How many handlers run at the same time: the default concurrency of a worker."""


class Rank(IntEnum):
    """What comes first of what is due at the same time: as a sweep of the engine has it."""

    SIGNAL = 0
    TIMER = 1
    NEWS = 2
    DEADLINE = 3
    TASK = 4


class Work:
    """A handler that runs, or will as soon as there is room."""

    def __init__(
        self,
        make: Callable[[], Coroutine[Any, Any, Any]],
        then: Callable[[asyncio.Task[Any]], None],
    ) -> None:
        self.make = make
        self.then = then
        self.task: asyncio.Task[Any] | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """Stop it; nobody is told how it ends."""
        self.is_cancelled = True
        if self.task is not None:
            self.task.cancel()


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    """What happens at a time, unless it is no longer wanted by then."""

    seconds: float
    rank: Rank
    number: int
    call: Callable[[], None] = field(compare=False)
    is_wanted: Callable[[], bool] = field(compare=False)


class VirtualClock:
    """Runs what is due, in order, and the handlers of one test."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.seconds = 0.0
        """How long it is since the start."""
        self._order = itertools.count()
        self._due: list[_Due] = []
        self._waiting: deque[Work] = deque()
        self._running: set[Work] = set()
        self._ended: deque[Work] = deque()
        self._has_ended = asyncio.Event()

    def time_at(self, seconds: float) -> datetime:
        """Return the time that it is *seconds* after the start; at most the last that there is."""
        try:
            return self.start + timedelta(seconds=seconds)
        except OverflowError:
            return datetime.max.replace(tzinfo=self.start.tzinfo)

    def call_at(
        self,
        seconds: float,
        rank: Rank,
        call: Callable[[], None],
        *,
        is_wanted: Callable[[], bool],
    ) -> None:
        """Let *call* happen so many seconds after the start; what is past happens next.

        Once *is_wanted* says no, it never happens, and no time passes for it.
        """
        heapq.heappush(self._due, _Due(seconds, rank, next(self._order), call, is_wanted))

    def call_after(
        self,
        seconds: float,
        rank: Rank,
        call: Callable[[], None],
        *,
        is_wanted: Callable[[], bool],
    ) -> None:
        """Let *call* happen in so many seconds, as `call_at` does."""
        self.call_at(self.seconds + seconds, rank, call, is_wanted=is_wanted)

    def begin(
        self,
        make: Callable[[], Coroutine[Any, Any, Any]],
        then: Callable[[asyncio.Task[Any]], None],
    ) -> Work:
        """Run what *make* gives, and call *then* with what came of it."""
        work = Work(make, then)
        self._waiting.append(work)
        self._fill_up()
        return work

    async def run_while(self, is_wanted: Callable[[], bool]) -> None:
        """Let time pass while *is_wanted* says so, and there is anything that can happen.

        What is neither a result nor an `Exception` of a handler is raised here.
        """
        while is_wanted():
            due = self._next()
            if due is not None and due.seconds <= self.seconds:
                heapq.heappop(self._due).call()
            elif self._ended:
                self._take(self._ended.popleft())
            elif self._running:
                await self._wait(due)
            elif due is not None:
                self.seconds = due.seconds
            else:
                return

    async def stop(self) -> None:
        """Stop the handlers that still run, and wait until they have."""
        self._waiting.clear()
        tasks = [work.task for work in self._running if work.task is not None]
        for work in self._running:
            work.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fill_up(self) -> None:
        while self._waiting and len(self._running) < _AT_ONCE:
            work = self._waiting.popleft()
            if work.is_cancelled:
                continue
            work.task = asyncio.get_running_loop().create_task(work.make())
            self._running.add(work)
            work.task.add_done_callback(partial(self._note, work))

    def _note(self, work: Work, _done: asyncio.Task[Any]) -> None:
        self._running.discard(work)
        self._ended.append(work)
        self._has_ended.set()
        self._fill_up()

    def _take(self, work: Work) -> None:
        if work.task is None:
            return
        if not work.is_cancelled:
            work.then(work.task)
        elif not work.task.cancelled():
            work.task.exception()  # looked at, so that asyncio does not complain

    def _next(self) -> _Due | None:
        """Return what happens next; drop what is no longer wanted and would come before it."""
        while self._due and not self._due[0].is_wanted():
            heapq.heappop(self._due)
        return self._due[0] if self._due else None

    async def _wait(self, due: _Due | None) -> None:
        """Wait until a handler ends; at most as long, in reality, as it is until *due*."""
        self._has_ended.clear()
        try:
            async with asyncio.timeout(None if due is None else due.seconds - self.seconds):
                await self._has_ended.wait()
        except TimeoutError:
            if due is None:
                raise
            self.seconds = due.seconds
