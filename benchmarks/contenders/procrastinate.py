"""Procrastinate: jobs in PostgreSQL, claimed one at a time and announced by NOTIFY."""

import asyncio
from itertools import pairwise
from time import perf_counter
from typing import Final

import psycopg
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.fleet import Seat, check_count, running, work_off
from benchmarks.contenders.procrastinate_app import Tasks
from benchmarks.contenders.stopwatch import Stopwatch
from procrastinate.types import JSONDict

CONCURRENCY: Final = 10
"""Jobs at a time: of 1, 5, 10 and 30 the fastest."""

POLL_SECONDS: Final = 0.1
"""At concurrency, a notification that comes during a claim that finds nothing is forgotten: then
the next poll finds the job, by default only after 5 s."""

TRANSITION: Final = 10
PAYLOAD: Final = 5
BULK: Final = 1000
PAUSE_SECONDS: Final = 0.05
"""After which a worker that finished its last job surely waits for a notification."""

IS_OPEN: Final = "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))"
COMPLETED: Final = "select count(*) from procrastinate_jobs where status = 'succeeded'"
WAITING: Final = "select count(*) from procrastinate_jobs where status = 'todo'"


def install(job: Job) -> Answer:
    """Make the tables of Procrastinate."""
    watch = Stopwatch(job.url)
    watch.start()
    asyncio.run(_install(job.url))
    return watch.stop(1)


async def _install(url: str) -> None:
    async with Tasks(url).opened(1) as tasks:
        await tasks.app.schema_manager.apply_schema_async()


def singles(job: Job) -> Answer:
    """Work off jobs that wait."""
    asyncio.run(_defer(job.url, job.runs))
    return _work_off(job, handlers=job.runs, units=job.runs)


def payload(job: Job) -> Answer:
    """Work off chains that hand a text on."""
    asyncio.run(_defer_chains(job))
    return _work_off(job, handlers=PAYLOAD * job.runs, units=PAYLOAD * job.runs)


def _work_off(job: Job, *, handlers: int, units: int) -> Answer:
    with psycopg.connect(job.url, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return work_off(job, work, handlers=handlers, units=units, is_open=IS_OPEN, completed=COMPLETED)


def work(seat: Seat, url: str) -> None:
    """Be a worker process."""
    asyncio.run(_work(seat, url))


async def _work(seat: Seat, url: str) -> None:
    async with Tasks(url, ended=lambda _: seat.handled()).opened(CONCURRENCY + 1) as tasks:
        seat.await_start()
        await seat.run_until_stopped(
            tasks.work(concurrency=CONCURRENCY, fetch_job_polling_interval=POLL_SECONDS)
        )


def start(job: Job) -> Answer:
    """Defer jobs that nobody works off."""
    answer = asyncio.run(_start(job))
    with psycopg.connect(job.url) as conn:
        check_count(conn, WAITING, job.runs)
    return answer


async def _start(job: Job) -> Answer:
    connections = CONCURRENCY if job.how == "pipelined" else 1
    async with Tasks(job.url).opened(connections) as tasks:
        watch = Stopwatch(job.url)
        watch.start()
        if job.how == "bulk":
            await _defer_in_bulk(tasks, job.runs)
        else:
            numbers = iter(range(job.runs))

            async def defer_one_by_one() -> None:
                for number in numbers:
                    await tasks.single.defer_async(number=number)

            await asyncio.gather(*(defer_one_by_one() for _ in range(connections)))
        return watch.stop(job.runs)


async def _defer(url: str, runs: int) -> None:
    async with Tasks(url).opened(1) as tasks:
        await _defer_in_bulk(tasks, runs)


async def _defer_in_bulk(tasks: Tasks, runs: int) -> None:
    for first in range(0, runs, BULK):
        numbers = range(first, min(first + BULK, runs))
        arguments: list[JSONDict] = [{"number": number} for number in numbers]
        await tasks.single.batch_defer_async(*arguments)


async def _defer_chains(job: Job) -> None:
    async with Tasks(job.url).opened(1) as tasks:
        for _ in range(job.runs):
            await tasks.step.defer_async(left=PAYLOAD - 1, text="x" * job.size)


def transition(job: Job) -> Answer:
    """Let one chain after the other run on an idle worker in this process."""
    return Answer(units=job.runs, milliseconds=asyncio.run(_transition(job)))


async def _transition(job: Job) -> list[float]:
    began: list[float] = []
    done = asyncio.Event()
    tasks = Tasks(
        job.url,
        began=lambda: began.append(perf_counter()),
        ended=lambda last: done.set() if last else None,
    )
    found: list[float] = []
    async with tasks.opened(2), running(tasks.work()):
        # the first is for the listener to be there, and does not count
        for number in range(job.runs + 1):
            began.clear()
            done.clear()
            await tasks.step.defer_async(left=TRANSITION - 1, text=str(number))
            await done.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            if len(began) != TRANSITION:
                raise RuntimeError(f"{len(began)} steps of a chain began instead of {TRANSITION}")
            if number:
                found += [1000 * (b - a) for a, b in pairwise(began)]
    return found


def wake(job: Job) -> Answer:
    """Defer one job at a time for a worker in this process that waits."""
    return Answer(units=job.runs, milliseconds=asyncio.run(_wake(job)))


async def _wake(job: Job) -> list[float]:
    began: list[float] = []
    done = asyncio.Event()
    tasks = Tasks(job.url, began=lambda: began.append(perf_counter()), ended=lambda _: done.set())
    found: list[float] = []
    async with tasks.opened(2), running(tasks.work()):
        for number in range(job.runs + 1):
            began.clear()
            done.clear()
            called = perf_counter()
            await tasks.single.defer_async(number=number)
            await done.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            if number:
                found += [1000 * (moment - called) for moment in began]
    if len(found) != job.runs:
        raise RuntimeError(f"{len(found)} handlers began instead of {job.runs}")
    return found


def idle(job: Job) -> Answer:
    """Let a worker wait."""
    return asyncio.run(_idle(job))


async def _idle(job: Job) -> Answer:
    tasks = Tasks(job.url)
    async with tasks.opened(2), running(tasks.work()):
        watch = Stopwatch(job.url)
        watch.start()
        await asyncio.sleep(job.seconds)
        return watch.stop(0)


NO_JOIN: Final = (
    "a queue of independent jobs: nothing in it waits for several jobs, so that a step with two"
    " or more predecessors would be an engine that this benchmark writes"
)

CONTENDER: Final = Contender(
    slug="procrastinate",
    title="Procrastinate",
    packages=("procrastinate", "psycopg", "psycopg-pool"),
    configuration=(
        "A queue: a chain is a task that defers the next one with its result as an argument"
        " (howto/basics/defer), results are not stored by the engine, and a started run is one"
        f" job. Asynchronous tasks on PsycopgConnector, concurrency={CONCURRENCY} (of 1, 5, 10 and"
        " 30 the fastest for short jobs; howto/concurrency) and a connection for each of them and"
        " one more (discussions, 'Mind the size of your PostgreSQL pool'), in a pool that is handed"
        " over (App.open_async(pool)), which spares the check of the connection at each use and is"
        " about a tenth faster. That worker polls each"
        f" {POLL_SECONDS} s, because a notification that comes during a claim that finds nothing is"
        " lost; the worker of transition, wake and idle has the defaults (one job at a time, which"
        " loses none, and polls each 5 s). LISTEN/NOTIFY is on; finished"
        " jobs stay (delete_jobs=never, the default)."
        f" Starts: defer_async one by one; 'pipelined' on {CONCURRENCY} connections at"
        f" the same time, each job with its own commit; in bulk batch_defer_async of {BULK}"
        " (howto/basics/batch_defer)."
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
