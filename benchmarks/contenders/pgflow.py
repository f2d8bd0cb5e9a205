"""pgflow for Python: what this repository builds, by the same rules as its peers."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

import psycopg
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.pgflow_workers import await_ended, await_idle, idle_workers
from benchmarks.contenders.stopwatch import Stopwatch
from benchmarks.flows_deployed import compile_all
from benchmarks.measure import FLOWS_DIR

from pgflow_client import Client
from pgflow_core_sql import migrate
from pgflow_manifest import dump_manifest

_BATCH: Final = 1000
_MEMO: Final = {"object_name": "memo.wav", "owner_id": "someone"}
_CHAIN: Final = [f"s{number}" for number in range(1, 11)]
_WARM_UP: Final = 5
_LOOK_SECONDS: Final = 0.05
_CLAIMED_TO_ENDED: Final = """
select extract(epoch from
  (select max(r.ended_at) from pgflow.runs as r where r.run_id between %(first)s and %(last)s)
  - (select min(s.claimed_at) from pgflow.step_states as s
     where s.run_id between %(first)s and %(last)s)
)::float8
"""
_RIGHT: Final = """
select count(*) from pgflow.step_states as s
where s.run_id between %s and %s and s.step_slug = %s and s.step_result = %s::jsonb
"""
_START: Final = "select pgflow.start_flow('diamond', %s::jsonb)"


class Work(NamedTuple):
    """Runs of one flow, and how it is known that they ran."""

    flow: str
    steps: int
    payload: object
    last_step: str
    result: str


def install(job: Job) -> Answer:
    """Migrate, and deploy every flow of the benchmarks."""
    watch = Stopwatch(job.url)
    watch.start()
    with psycopg.connect(job.url, autocommit=True) as conn:
        migrate(conn)
        conn.execute("select pgflow.deploy(%s::jsonb)", (dump_manifest(compile_all()).decode(),))
    return watch.stop(1)


def diamonds(job: Job) -> Answer:
    """Work off diamonds."""
    return work_off(job, Work("diamond", 4, _MEMO, "merge", '["en", "memo.wav"]'))


def singles(job: Job) -> Answer:
    """Work off runs of one step."""
    return work_off(job, Work("single", 1, 7, "only", "7"))


def payload(job: Job) -> Answer:
    """Hand a text on from step to step."""
    text = "x" * job.size
    return work_off(job, Work("relay", 5, text, "r5", f'"{text}"'))


def work_off(job: Job, work: Work) -> Answer:
    """Let runs wait and workers get ready, then let them begin all at once.

    The runs are started in one transaction, whose commit the workers wait for: so none of them
    begins while others still load their modules. Timed is what comes after, by the clock of the
    database: from the first claim to the end of the last run.
    """
    watch = Stopwatch(job.url)
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        _many_started(job, work) as (starter, run_ids),
        idle_workers(job.url, FLOWS_DIR / f"{work.flow}.py", job.workers) as fleet,
    ):
        watch.start()
        starter.execute(
            "select pgflow._wake_workers(array(select contract_id from pgflow.contracts))"
        )
        starter.commit()
        await_ended(conn, run_ids, fleet)
        answer = replace(watch.stop(job.runs * work.steps), peak_mb=fleet.peak_mb())
    return replace(answer, seconds=_seconds(job.url, run_ids, work))


@contextmanager
def _many_started(job: Job, work: Work) -> Generator[tuple[psycopg.Connection, Sequence[str]]]:
    with psycopg.connect(job.url) as starter, Client(starter, manifest=compile_all()) as client:
        run_ids: list[str] = []
        # a batch of large payloads is bounded by their bytes
        batch = max(1, min(_BATCH, 16_000_000 // max(job.size, 1)))
        for first in range(0, job.runs, batch):
            payloads = [work.payload] * min(batch, job.runs - first)
            run_ids += [str(run.run_id) for run in client.start_many(work.flow, payloads)]
        yield starter, run_ids


def _seconds(url: str, run_ids: Sequence[str], work: Work) -> float:
    """Return the time by the database's clock, once every run is known to have its result."""
    first, last = min(run_ids), max(run_ids)
    with psycopg.connect(url, autocommit=True) as conn:
        right = conn.execute(_RIGHT, (first, last, work.last_step, work.result)).fetchone()
        if right != (len(run_ids),):
            raise RuntimeError(f"{right} of {len(run_ids)} runs have the result {work.result:.60}")
        row = conn.execute(_CLAIMED_TO_ENDED, {"first": first, "last": last}).fetchone()
    assert row is not None
    return float(row[0])


def transition(job: Job) -> Answer:
    """Run chains one at a time, and compare when their handlers began."""
    taken: list[float] = []
    with (
        idle_workers(job.url, FLOWS_DIR / "chain.py"),
        Client(job.url, manifest=compile_all()) as client,
    ):
        for number in range(_WARM_UP + job.runs):
            began = _began(client, "chain", number, _CHAIN)
            if number >= _WARM_UP:
                taken += [(after - before) / 1e6 for before, after in pairwise(began)]
    return Answer(units=len(taken), milliseconds=taken)


def wake(job: Job) -> Answer:
    """Start a run while the worker waits, again and again."""
    taken: list[float] = []
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        idle_workers(job.url, FLOWS_DIR / "moment.py") as fleet,
        Client(job.url, manifest=compile_all()) as client,
    ):
        client.list()  # opens the connection
        for number in range(_WARM_UP + job.runs):
            await_idle(conn, fleet)
            called = time.perf_counter_ns()
            (began,) = _began(client, "moment", number, ["now"])
            if number >= _WARM_UP:
                taken.append((began - called) / 1e6)
    return Answer(units=len(taken), milliseconds=taken)


def _began(client: Client, flow: str, number: int, steps: Sequence[str]) -> list[int]:
    """Start a run, and return when the handler of each step began, in nanoseconds."""
    run = client.start(flow, number)
    # looking now and then disturbs less than being notified of every step
    while (snapshot := run.get()).status == "started":
        time.sleep(_LOOK_SECONDS)
    began: list[int] = []
    for step in steps:
        result = snapshot.result(step)
        if not isinstance(result, list) or not isinstance(result[1], int):
            raise TypeError(f"step {step} returned {result!r}")
        began.append(result[1])
    return began


def idle(job: Job) -> Answer:
    """Let a worker wait."""
    with idle_workers(job.url, FLOWS_DIR / "single.py") as fleet:
        time.sleep(job.seconds)
        fleet.check()
    return Answer(seconds=job.seconds)


def start(job: Job) -> Answer:
    """Start diamonds: through the client, or pipelined by the function that it calls."""
    with Client(job.url, manifest=compile_all()) as client:
        client.list()  # opens the connection
        watch = Stopwatch(job.url)
        watch.start()
        if job.how == "one_by_one":
            for _ in range(job.runs):
                client.start("diamond", _MEMO)
        elif job.how == "bulk":
            for first in range(0, job.runs, _BATCH):
                client.start_many("diamond", [_MEMO] * min(_BATCH, job.runs - first))
        else:
            _start_pipelined(job)
        answer = watch.stop(job.runs)
    with psycopg.connect(job.url, autocommit=True) as conn:
        if (row := conn.execute("select count(*) from pgflow.tasks").fetchone()) != (job.runs,):
            raise RuntimeError(f"{row} tasks wait after {job.runs} starts")
    return answer


def _start_pipelined(job: Job) -> None:
    memo = '{"object_name": "memo.wav", "owner_id": "someone"}'
    with psycopg.connect(job.url, autocommit=True) as conn, conn.pipeline() as pipeline:
        for _ in range(job.runs):
            conn.execute(_START, (memo,), prepare=True)
            pipeline.sync()  # ends the transaction, and waits for nothing


def map_items(job: Job) -> Answer:
    """Map a list, and sum up."""
    numbers = list(range(job.items))
    watch = Stopwatch(job.url)
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        idle_workers(job.url, FLOWS_DIR / "squares.py") as fleet,
        Client(job.url, manifest=compile_all()) as client,
    ):
        watch.start()
        run = client.start("squares", {"numbers": numbers})
        await_ended(conn, [str(run.run_id)], fleet)
        answer = replace(watch.stop(job.items), peak_mb=fleet.peak_mb())
        snapshot = run.get()
    if snapshot.result("total") != sum(number * number for number in numbers):
        raise RuntimeError(f"the run ended with the status {snapshot.status}")
    assert snapshot.started_at is not None
    assert snapshot.ended_at is not None
    return replace(answer, seconds=(snapshot.ended_at - snapshot.started_at).total_seconds())


CONTENDER: Final = Contender(
    slug="pgflow",
    title="pgflow for Python",
    packages=("pgflow-core-sql", "pgflow-worker", "pgflow-client", "psycopg", "orjson", "pydantic"),
    configuration="`pgflow-worker --concurrency 500`, as docs/operating.md has it for short "
    "handlers; one process per worker. Runs are started through the client, in bulk 1,000 a "
    "call; pipelined ones call pgflow.start_flow by psycopg, because the client has no pipeline. "
    "Payloads and results are validated by the database against their schemas.",
    can={
        "install": install,
        "diamonds": diamonds,
        "transition": transition,
        "singles": singles,
        "start": start,
        "payload": payload,
        "wake": wake,
        "idle": idle,
        "map": map_items,
    },
)

if __name__ == "__main__":
    main(CONTENDER)
