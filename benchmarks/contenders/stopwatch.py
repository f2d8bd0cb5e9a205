"""The time, the processor, the log and the disk that a piece of work costs, on both sides."""

import os
from time import perf_counter

import psutil
import psycopg
from benchmarks.contenders.contender import Answer


class Stopwatch:
    """Measures from `start` to `stop`, by a connection of its own that is idle in between.

    Args:
        url: the database that is worked on, on this machine.
    """

    def __init__(self, url: str) -> None:
        self._conn = psycopg.connect(url, autocommit=True)
        self._server = psutil.Process(self._conn.info.backend_pid).parent()
        assert self._server is not None
        self._before = (0.0, 0, 0, 0.0, 0.0)

    def start(self) -> None:
        """Let the clock run."""
        self._before = self._now()

    def stop(self, units: int) -> Answer:
        """Return what was spent since `start` on *units* steps, runs or items."""
        seconds, wal, size, client, server = (
            after - before for before, after in zip(self._before, self._now(), strict=True)
        )
        self._conn.close()
        return Answer(
            seconds=seconds,
            units=units,
            wal_bytes=int(wal),
            database_bytes=int(size),
            client_cpu_seconds=client,
            server_cpu_seconds=server,
        )

    def _now(self) -> tuple[float, int, int, float, float]:
        row = self._conn.execute(
            "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,"
            " pg_database_size(current_database())"
        ).fetchone()
        assert row is not None
        assert self._server is not None
        return (
            perf_counter(),
            row[0],
            row[1],
            processor_seconds(psutil.Process(os.getpid())),
            processor_seconds(self._server),
        )


def processor_seconds(process: psutil.Process) -> float:
    """Return the processor time of a process, of what it started, and of what of that has ended."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
