"""Worker processes of a contender: prepared, let go at the same moment, counted and stopped."""

import asyncio
import multiprocessing
import os
import resource
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic, sleep
from types import TracebackType
from typing import LiteralString, Protocol, Self

import psycopg
from benchmarks.contenders.contender import Answer, Job
from benchmarks.contenders.stopwatch import Stopwatch

_STALL_SECONDS = 60
_STOP_SECONDS = 30
_POLL_SECONDS = 0.001


class Count(Protocol):
    """A number in memory that the processes share; each worker has one of its own to write to."""

    value: int


class Seat:
    """What one worker process has of its fleet."""

    def __init__(self, parent: Connection, count: Count) -> None:
        self._parent = parent
        self._count = count

    def handled(self, more: int = 1) -> None:
        """Tell that *more* handlers have returned."""
        self._count.value += more

    def await_start(self) -> None:
        """Tell that the worker is ready to claim, and return when it shall."""
        self._parent.send("ready")
        self._listen()

    async def run_until_stopped(self, worker: Coroutine[object, object, None]) -> None:
        """Run *worker*, which works until it is cancelled and then ends gracefully.

        Raises:
            RuntimeError: when the worker ended by itself.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_reader(self._parent.fileno(), stop.set)
        async with running(worker):
            await stop.wait()
        loop.remove_reader(self._parent.fileno())

    def stopped(self) -> bool:
        """Return whether the worker shall stop."""
        return self._parent.poll()

    def leave(self) -> None:
        """Tell the memory that the worker took, and return when the process may end."""
        self._listen()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # macOS counts in bytes, all others in KiB
        self._parent.send(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)
        # until here the parent reads the processor time of this process
        self._listen()

    def _listen(self) -> None:
        # an event loop that watches it makes it non-blocking
        os.set_blocking(self._parent.fileno(), True)
        self._parent.recv()


class Fleet(AbstractContextManager["Fleet"]):
    """The worker processes of one measurement.

    Args:
        work: a function of a module, which is the worker: it prepares itself, calls
            `Seat.await_start`, works until it shall stop, finishes what it has begun, and returns.
        arguments: what *work* gets after its seat.
        workers: how many processes.

    Raises:
        RuntimeError: from every method, when a process has ended early.
    """

    def __init__(self, work: Callable[..., None], *arguments: object, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._counts = [context.RawValue("q", 0) for _ in range(workers)]
        self._links: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for count in self._counts:
            ours, theirs = context.Pipe()
            self._links.append(ours)
            self._processes.append(
                context.Process(target=_occupy, args=(work, theirs, count, arguments), daemon=True)
            )
            self._processes[-1].start()
            theirs.close()

    def __enter__(self) -> Self:
        """Return when every worker is ready to claim."""
        try:
            for link in self._links:
                self._receive(link)
        except BaseException:
            self._end()
            raise
        return self

    def start(self) -> None:
        """Let every worker claim."""
        self._tell("start")

    def await_handled(self, total: int) -> None:
        """Return when *total* handlers have returned, all workers counted."""
        seen, since = -1, monotonic()
        while (now := self.handled()) < total:
            if now > seen:
                seen, since = now, monotonic()
            self._check(since, f"{now} of {total} handlers returned")
            sleep(_POLL_SECONDS)

    def handled(self) -> int:
        """Return how many handlers have returned, all workers counted."""
        return sum(count.value for count in self._counts)

    def finish(self, is_complete: Callable[[], bool]) -> None:
        """Let the workers finish what they have begun; return when *is_complete* says so."""
        self._tell("stop")
        since = monotonic()
        while not is_complete():
            self._check(since, "the workers stopped, and not all runs are completed")
            sleep(_POLL_SECONDS)

    def peak_mb(self) -> float:
        """Return the largest resident memory of a worker; after `finish`."""
        return max(self._receive(link) for link in self._links)

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the processes, which have nothing to do any more, or failed."""
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            # a worker may be in a call that waits for more work
            process.kill()
            process.join()
        for link in self._links:
            link.close()

    def _tell(self, word: str) -> None:
        for link in self._links:
            try:
                link.send(word)
            except OSError:
                raise self._lost(link) from None

    def _receive(self, link: Connection) -> float:
        since = monotonic()
        while not link.poll(_POLL_SECONDS):
            self._check(since, "a worker does not answer")
        try:
            answer = link.recv()
        except EOFError:
            raise self._lost(link) from None
        return answer if isinstance(answer, float) else 0.0

    def _lost(self, link: Connection) -> RuntimeError:
        process = self._processes[self._links.index(link)]
        process.join(_STOP_SECONDS)
        return RuntimeError(f"a worker process ended with exit code {process.exitcode}")

    def _check(self, since: float, doing: str) -> None:
        ended = [process.exitcode for process in self._processes if process.exitcode is not None]
        if ended:
            raise RuntimeError(f"a worker process ended with exit code {ended[0]}; {doing}")
        if monotonic() - since > _STALL_SECONDS:
            raise RuntimeError(f"nothing happened for {_STALL_SECONDS} s: {doing}")


def work_off(
    job: Job,
    work: Callable[..., None],
    *arguments: object,
    handlers: int,
    units: int,
    is_open: LiteralString,
    completed: LiteralString,
) -> Answer:
    """Measure what waits in the database from the first claim to the last completed run.

    Args:
        job: how many workers, and where.
        work: the worker, see `Fleet`; it gets the URL of the database after its seat.
        arguments: what it gets after the URL.
        handlers: how many handlers must return.
        units: what the answer is about: steps, runs or items.
        is_open: a query that answers whether a run is not completed yet; it is asked only when all
            handlers have returned, because it must not cost the server what the work needs.
        completed: a query that counts what has been completed, for the check afterwards.

    Raises:
        RuntimeError: when a worker ended early or stood still, or when less was completed than was
            handled: then there is no figure.
    """
    watch = Stopwatch(job.url)
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        Fleet(work, job.url, *arguments, workers=job.workers) as fleet,
    ):
        before = scalar(conn, completed)  # the database may have worked before
        watch.start()
        fleet.start()
        fleet.await_handled(handlers)
        fleet.finish(lambda: not scalar(conn, is_open))
        answer = watch.stop(units)
        check_count(conn, completed, before + handlers)
        return replace(answer, peak_mb=fleet.peak_mb())


@asynccontextmanager
async def running(worker: Coroutine[object, object, None]) -> AsyncGenerator[None]:
    """Let *worker* run in this event loop for the time of the block, then cancel it gracefully.

    Raises:
        RuntimeError: when the worker ended by itself; a block that waits for it is interrupted.
    """
    task = asyncio.create_task(worker)
    block = asyncio.current_task()
    assert block is not None
    early = False

    def interrupt(_: object) -> None:
        nonlocal early
        early = True
        block.cancel()

    task.add_done_callback(interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if early:
            raise RuntimeError(f"the worker ended by itself: {task}") from None
        raise
    finally:
        task.remove_done_callback(interrupt)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def scalar(conn: psycopg.Connection, query: LiteralString) -> int:
    """Return the one value that a query answers: a number or a truth."""
    row = conn.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def check_count(conn: psycopg.Connection, query: LiteralString, expected: int) -> None:
    """Raise RuntimeError when *query* does not count what is *expected*."""
    if (found := scalar(conn, query)) != expected:
        raise RuntimeError(f"{found} instead of {expected}, by: {query}")


def _occupy(
    work: Callable[..., None], parent: Connection, count: Count, arguments: tuple[object, ...]
) -> None:
    seat = Seat(parent, count)
    work(seat, *arguments)
    try:
        seat.leave()
    except (EOFError, BrokenPipeError):
        # the parent has all that it wants to know, and is gone
        return
