"""PgQueuer: jobs in PostgreSQL, claimed and acknowledged in batches and announced by NOTIFY."""

import asyncio
from itertools import pairwise
from time import perf_counter
from typing import Final

import psycopg
import uvloop
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.fleet import Seat, check_count, running, work_off
from benchmarks.contenders.pgqueuer_app import Entrypoints
from benchmarks.contenders.stopwatch import Stopwatch

BATCH: Final = 500
"""For jobs that wait, and enqueue nothing: of 10, 100 and 500 the fastest."""

DEFAULT_BATCH: Final = 10
"""For chains, whose jobs come one by one: of 10, 100 and 500 the fastest."""

PRODUCERS: Final = 10
TRANSITION: Final = 10
PAYLOAD: Final = 5
BULK: Final = 5000
PAUSE_SECONDS: Final = 0.3
"""After which a worker that finished its last job has acknowledged it, and surely waits."""

IS_OPEN: Final = "select exists (select from pgqueuer)"
COMPLETED: Final = "select count(*) from pgqueuer_log where status = 'successful'"
WAITING: Final = "select count(*) from pgqueuer where status = 'queued'"


def install(job: Job) -> Answer:
    """Make the tables of PgQueuer."""
    watch = Stopwatch(job.url)
    watch.start()
    uvloop.run(_install(job.url))
    return watch.stop(1)


async def _install(url: str) -> None:
    async with Entrypoints(url).opened(1) as entrypoints:
        await entrypoints.producer.install()
        await entrypoints.producer.optimize_autovacuum()


def singles(job: Job) -> Answer:
    """Work off jobs that wait."""
    uvloop.run(_enqueue(job.url, job.runs))
    return _work_off(job, BATCH, handlers=job.runs)


def payload(job: Job) -> Answer:
    """Work off chains that hand a text on."""
    uvloop.run(_enqueue_chains(job))
    return _work_off(job, DEFAULT_BATCH, handlers=PAYLOAD * job.runs)


def _work_off(job: Job, batch: int, *, handlers: int) -> Answer:
    with psycopg.connect(job.url, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return work_off(
        job, work, batch, handlers=handlers, units=handlers, is_open=IS_OPEN, completed=COMPLETED
    )


def work(seat: Seat, url: str, batch: int) -> None:
    """Be a worker process."""
    uvloop.run(_work(seat, url, batch))


async def _work(seat: Seat, url: str, batch: int) -> None:
    entrypoints = Entrypoints(url, ended=lambda _: seat.handled(), gate=seat.await_start)
    async with entrypoints.opened(PRODUCERS):
        await seat.run_until_stopped(entrypoints.work(batch))


def start(job: Job) -> Answer:
    """Enqueue jobs that nobody works off."""
    answer = uvloop.run(_start(job))
    with psycopg.connect(job.url) as conn:
        check_count(conn, WAITING, job.runs)
    return answer


async def _start(job: Job) -> Answer:
    connections = PRODUCERS if job.how == "pipelined" else 1
    async with Entrypoints(job.url).opened(connections) as entrypoints:
        watch = Stopwatch(job.url)
        watch.start()
        if job.how == "bulk":
            await _enqueue_in_bulk(entrypoints, job.runs)
        else:
            numbers = iter(range(job.runs))

            async def enqueue_one_by_one() -> None:
                for number in numbers:
                    await entrypoints.producer.enqueue("single", b"%d" % number)

            await asyncio.gather(*(enqueue_one_by_one() for _ in range(connections)))
        return watch.stop(job.runs)


async def _enqueue(url: str, runs: int) -> None:
    async with Entrypoints(url).opened(1) as entrypoints:
        await _enqueue_in_bulk(entrypoints, runs)


async def _enqueue_in_bulk(entrypoints: Entrypoints, runs: int) -> None:
    for first in range(0, runs, BULK):
        await entrypoints.enqueue_singles(range(first, min(first + BULK, runs)))


async def _enqueue_chains(job: Job) -> None:
    async with Entrypoints(job.url).opened(1) as entrypoints:
        for _ in range(job.runs):
            await entrypoints.enqueue_step(PAYLOAD - 1, b"x" * job.size)


def transition(job: Job) -> Answer:
    """Let one chain after the other run on an idle worker in this process."""
    return Answer(units=job.runs, milliseconds=uvloop.run(_transition(job)))


async def _transition(job: Job) -> list[float]:
    began: list[float] = []
    done = asyncio.Event()
    entrypoints = Entrypoints(
        job.url,
        began=lambda: began.append(perf_counter()),
        ended=lambda last: done.set() if last else None,
    )
    found: list[float] = []
    async with entrypoints.opened(2), running(entrypoints.work(DEFAULT_BATCH)):
        # the first is for the listener to be there, and does not count
        for number in range(job.runs + 1):
            began.clear()
            done.clear()
            await entrypoints.enqueue_step(TRANSITION - 1, b"%d" % number)
            await done.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            if len(began) != TRANSITION:
                raise RuntimeError(f"{len(began)} steps of a chain began instead of {TRANSITION}")
            if number:
                found += [1000 * (b - a) for a, b in pairwise(began)]
    return found


def wake(job: Job) -> Answer:
    """Enqueue one job at a time for a worker in this process that waits."""
    return Answer(units=job.runs, milliseconds=uvloop.run(_wake(job)))


async def _wake(job: Job) -> list[float]:
    began: list[float] = []
    done = asyncio.Event()
    entrypoints = Entrypoints(
        job.url, began=lambda: began.append(perf_counter()), ended=lambda _: done.set()
    )
    found: list[float] = []
    async with entrypoints.opened(2), running(entrypoints.work(DEFAULT_BATCH)):
        for number in range(job.runs + 1):
            began.clear()
            done.clear()
            called = perf_counter()
            await entrypoints.producer.enqueue("single", b"%d" % number)
            await done.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            if number:
                found += [1000 * (moment - called) for moment in began]
    if len(found) != job.runs:
        raise RuntimeError(f"{len(found)} handlers began instead of {job.runs}")
    return found


def idle(job: Job) -> Answer:
    """Let a worker wait."""
    return uvloop.run(_idle(job))


async def _idle(job: Job) -> Answer:
    entrypoints = Entrypoints(job.url)
    async with entrypoints.opened(1), running(entrypoints.work(DEFAULT_BATCH)):
        watch = Stopwatch(job.url)
        watch.start()
        await asyncio.sleep(job.seconds)
        return watch.stop(0)


NO_JOIN: Final = (
    "a queue of independent jobs: nothing in it waits for several jobs, so that a step with two"
    " or more predecessors would be an engine that this benchmark writes"
)

CONTENDER: Final = Contender(
    slug="pgqueuer",
    title="PgQueuer",
    packages=("pgqueuer", "asyncpg", "uvloop"),
    configuration=(
        "A queue: a chain is an entrypoint that enqueues the next job with its result as the"
        " payload, results are not stored by the engine, and a started run is one job. asyncpg, the"
        " fastest driver (comparisons/benchmarks), and uvloop, as in PgQueuer's own benchmark;"
        " one connection for the worker and a pool for what enqueues, the autovacuum settings of"
        " `pgq autovac`, durable tables (guides/performance-tuning). batch_size"
        f" {BATCH} for single jobs, else {DEFAULT_BATCH}, the default (of 10, 100 and 500 the"
        " fastest each). At the end the worker is told to shut down, so that it acknowledges at"
        " once what its buffer still holds. Starts: enqueue one by one; 'pipelined' on"
        f" {PRODUCERS} connections at the same time, each job with its own commit; in bulk lists of"
        f" {BULK}."
    ),
    can={
        "singles": singles,
        "transition": transition,
        "payload": payload,
        "start": start,
        "wake": wake,
        "idle": idle,
        "install": install,
    },
    cannot={"diamonds": NO_JOIN, "map": NO_JOIN},
)

if __name__ == "__main__":
    main(CONTENDER)
