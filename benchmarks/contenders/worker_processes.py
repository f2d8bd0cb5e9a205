"""Worker processes of a contender that polls: made ready, let go at once, watched and ended.

The parent asks the database whether all runs are complete, and gives at most a tenth of its time to
that, because an engine that keeps its history in the table that is asked makes the question dear.
"""

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Thread
from time import monotonic, perf_counter, sleep
from types import TracebackType
from typing import Final, LiteralString, Self

import psycopg
from benchmarks.contenders.contender import Answer
from benchmarks.contenders.stopwatch import Stopwatch

_POLL_SECONDS: Final = 0.01
_SHARE_OF_POLLING: Final = 0.1
_STALL_SECONDS: Final = 300
_STOP_SECONDS: Final = 20
_READY: Final = "ready"


class WorkerProcesses(AbstractContextManager["WorkerProcesses"]):
    """Processes of a module that calls `await_word` when it is ready; they end with the block.

    Args:
        module: what they run, as `python -m` takes it.
        arguments: its command line; `{number}` in it becomes the number of the process.
        workers: how many.

    Raises:
        RuntimeError: from every method, when a process has ended early.
    """

    def __init__(self, module: str, *arguments: str, workers: int = 1) -> None:
        self._processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", module),
                    *(argument.replace("{number}", str(number)) for argument in arguments),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number in range(workers)
        ]

    def __enter__(self) -> Self:
        """Return when every process is ready."""
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline().strip() != _READY:
                self._end()
                raise RuntimeError("a worker ended before it was ready: see what it wrote above")
        return self

    def go(self) -> None:
        """Let every process begin."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()

    def await_none(self, conn: psycopg.Connection, is_open: LiteralString) -> None:
        """Return when the query *is_open* answers false: then no run is left to complete."""
        deadline = monotonic() + _STALL_SECONDS
        while True:
            began = perf_counter()
            if not scalar(conn, is_open):
                return
            taken = perf_counter() - began
            if any(process.poll() is not None for process in self._processes):
                raise RuntimeError("a worker ended before the last run: see what it wrote above")
            if monotonic() > deadline:
                raise RuntimeError(f"not all runs are complete after {_STALL_SECONDS} s")
            sleep(max(_POLL_SECONDS, taken / _SHARE_OF_POLLING))

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the processes."""
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()


def work_off(
    conn: psycopg.Connection,
    processes: WorkerProcesses,
    *,
    url: str,
    units: int,
    is_open: LiteralString,
    release: Callable[[], object] | None = None,
) -> Answer:
    """Measure from the word to begin until no run is left; ends the processes.

    Args:
        conn: an idle connection, to ask with.
        processes: workers that have not been started.
        url: the database.
        units: what the answer is about.
        is_open: a query that answers whether a run is not complete yet.
        release: what gives them something to claim, where they poll already.
    """
    with processes:
        watch = Stopwatch(url)
        watch.start()
        processes.go()
        if release is not None:
            release()
        processes.await_none(conn, is_open)
        answer = watch.stop(units)
    return replace(answer, peak_mb=peak_mb())


def peak_mb() -> float:
    """Return the largest resident memory of a process that this one has started and that ended."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    # macOS counts in bytes, all others in KiB
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def await_word() -> Thread:
    """In a worker: tell that it is ready, return when it shall begin.

    Returns:
        A thread that ends when the worker shall end, or when who started it has died.
    """
    sys.stdout.write(f"{_READY}\n")
    sys.stdout.flush()
    sys.stdin.readline()
    thread = Thread(target=sys.stdin.read, daemon=True)
    thread.start()
    return thread


def scalar(conn: psycopg.Connection, query: LiteralString, *arguments: object) -> int:
    """Return the one value that a query answers: a number or a truth."""
    row = conn.execute(query, arguments or None).fetchone()
    assert row is not None
    return int(row[0])


def check(what: str, found: int, expected: int) -> None:
    """Refuse to give a figure for work that was not done: raise RuntimeError."""
    if found != expected:
        raise RuntimeError(f"{found} instead of {expected} {what}")


def connections_for(conn: psycopg.Connection, workers: int, most: int) -> int:
    """Return how many connections each of *workers* may have, at most *most*.

    The server has a limit, and the parent, the stopwatch and the listeners of an engine need some.
    """
    return max(1, min(most, (scalar(conn, "show max_connections") - 14) // workers))
