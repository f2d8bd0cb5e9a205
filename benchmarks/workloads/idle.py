"""What workers ask the database while there is nothing to do.

Counted are transactions, which the server counts for every engine alike; a transaction of most
pollers is one query. They are counted once all workers are connected, for a while, and divided.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic, sleep

import psycopg
from benchmarks.child import ContenderFailedError, Done, run_contender
from benchmarks.measure import Bench, Case, Taken, Trial, Workload

ASKED = "transactions of one worker"
_SETTLED_SECONDS = 12.0
"""A session that has fallen idle keeps its last counts to itself for up to ten seconds (the
server's PGSTAT_IDLE_INTERVAL): what the workers asked at their start would fall into the window."""
_APART_SECONDS = 0.8
"""How much later each worker may be ready than the one before."""
_READY_SECONDS = 90.0
_FLUSH_SECONDS = 1.5
"""Longer than the second for which a session keeps its counts to itself."""


def _measure(bench: Bench, trial: Trial) -> Taken:
    window = (5.0 if bench.quick else 15.0) * bench.scale
    seconds = _SETTLED_SECONDS + window + 2 * _FLUSH_SECONDS + _APART_SECONDS * trial.size
    with bench.database(trial.contender) as url, ThreadPoolExecutor(trial.size) as threads:
        workers = [
            threads.submit(run_contender, trial.module, "idle", url, {"seconds": seconds})
            for _ in range(trial.size)
        ]
        name = url.rpartition("/")[2].partition("?")[0]
        with psycopg.connect(bench.server.url(), autocommit=True) as admin:
            _await_settled(admin, name, workers)
            began, before = monotonic(), _transactions(admin, name)
            sleep(window)
            after, ended = _transactions(admin, name), monotonic()
        for worker in workers:
            worker.result()
    rate = (after - before) / (ended - began) / trial.size
    return Taken(figures={ASKED: rate}, raw={"workers": trial.size, "seconds": ended - began})


def _await_settled(admin: psycopg.Connection, name: str, workers: Sequence[Future[Done]]) -> None:
    """Return once the number of sessions has not changed for a while."""
    deadline = monotonic() + _READY_SECONDS
    # beside the workers, each process of a contender is watched by a session of ours
    seen, since = -1, monotonic()
    while seen < 2 * len(workers) or monotonic() - since < _SETTLED_SECONDS:
        for worker in workers:
            if worker.done():
                worker.result()
                raise ContenderFailedError("a worker ended before the others were ready")
        if monotonic() > deadline:
            raise ContenderFailedError(f"{seen} sessions after {_READY_SECONDS:.0f} s")
        row = admin.execute(
            "select count(*) from pg_stat_activity where datname = %s", (name,)
        ).fetchone()
        assert row is not None
        if row[0] != seen:
            seen, since = int(row[0]), monotonic()
        sleep(0.1)


def _transactions(admin: psycopg.Connection, name: str) -> int:
    sleep(_FLUSH_SECONDS)
    row = admin.execute(
        "select xact_commit + xact_rollback from pg_stat_database where datname = %s", (name,)
    ).fetchone()
    assert row is not None
    return int(row[0])


IDLE = Workload(
    slug="idle",
    about="ten workers with nothing to do: what each asks of the database",
    needs="idle",
    figures={ASKED: "1/s"},
    cases=(Case(size=10, quick=3),),
    measure=_measure,
    seconds=0,
    most_rounds=1,
)
