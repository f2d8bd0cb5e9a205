"""Worker processes of ours, ready before the clock runs and stopped when it has stopped."""

import os
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from benchmarks.worker_process import running_worker

_READY_SECONDS = 60
_POLL_SECONDS = 0.02


class Fleet:
    """Some `pgflow-worker` processes."""

    def __init__(self, names: Sequence[str], processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._names = list(names)
        self._processes = processes

    def count_idle(self, conn: psycopg.Connection) -> int:
        """Return how many of them wait for work."""
        row = conn.execute(
            "select count(*) from pgflow.workers where idle and status = 'running'"
            " and name = any(%s)",
            (self._names,),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def check(self) -> None:
        """Refuse to go on when one of them has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"a worker ended with code {process.returncode}")

    def peak_mb(self) -> float:
        """Return the largest resident memory that one of them has had; 0 where not known."""
        peaks = [0.0]
        for process in self._processes:
            status = Path(f"/proc/{process.pid}/status")
            lines = status.read_text().splitlines() if status.exists() else []
            peaks += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")]
        return max(peaks)


@contextmanager
def idle_workers(url: str, flows: Path, count: int = 1) -> Generator[Fleet]:
    """Start *count* workers, and lend them once each has found that there is nothing to do."""
    with psycopg.connect(url, autocommit=True) as conn, ExitStack() as stack:
        names = [f"bench-{os.getpid()}-{number}" for number in range(count)]
        fleet = Fleet(
            names,
            [
                stack.enter_context(running_worker(url, flows, "--name", n, "--concurrency", "500"))
                for n in names
            ],
        )
        deadline = time.monotonic() + _READY_SECONDS
        while fleet.count_idle(conn) < count:
            fleet.check()
            if time.monotonic() > deadline:
                raise TimeoutError("the workers did not start")
            time.sleep(_POLL_SECONDS)
        yield fleet


def await_idle(conn: psycopg.Connection, fleet: Fleet) -> None:
    """Return once a worker says that it waits for work."""
    while fleet.count_idle(conn) == 0:
        fleet.check()
        time.sleep(_POLL_SECONDS)


def await_ended(conn: psycopg.Connection, run_ids: Sequence[str], fleet: Fleet) -> None:
    """Return once all the runs have ended, looking so seldom that it costs them nothing."""
    # the one started last ends among the last: one row to look at, until then
    last = "select exists (select from pgflow.runs where run_id = %s::uuid and ended_at is null)"
    some = (
        "select exists (select from pgflow.runs where run_id between %s::uuid and %s::uuid"
        " and ended_at is null)"
    )
    _await_false(conn, last, (run_ids[-1],), fleet)
    _await_false(conn, some, (min(run_ids), max(run_ids)), fleet)


def _await_false(
    conn: psycopg.Connection, question: LiteralString, values: tuple[str, ...], fleet: Fleet
) -> None:
    while conn.execute(question, values).fetchone() != (False,):
        fleet.check()
        time.sleep(_POLL_SECONDS)
