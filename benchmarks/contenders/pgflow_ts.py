"""pgflow for TypeScript: its SQL core on pgmq, driven by a loop of batched calls."""

from dataclasses import replace
from itertools import pairwise
from random import Random
from time import perf_counter, sleep
from typing import Final

import psycopg
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.fleet import Fleet, check_count, scalar, work_off
from benchmarks.contenders.pgflow_ts_schema import FLOWS, VERSION, install_schema
from benchmarks.contenders.pgflow_ts_worker import POLL_MILLISECONDS, work
from benchmarks.contenders.stopwatch import Stopwatch
from psycopg.types.json import Jsonb

BATCH: Final = 50
"""Of 10, 50, 100 and 300 the one that costs the server least for diamonds."""

BULK: Final = 100
PAUSE_SECONDS: Final = 0.05
"""After which a worker that completed its last task surely polls."""

IS_OPEN: Final = "select exists (select from pgflow.runs where status = 'started')"
COMPLETED: Final = "select count(*) from pgflow.step_tasks where status = 'completed'"
STARTED: Final = "select count(*) from pgflow.runs where status = 'started'"
MOMENTS: Final = """
select output::double precision from pgflow.step_tasks
where run_id = %s and status = 'completed' order by 1
"""

START: Final = "select pgflow.start_flow(%s, %s)"
START_MANY: Final = """
select count(*) from unnest(%s::jsonb[]) as given (payload),
    lateral pgflow.start_flow(%s, given.payload)
"""


def install(job: Job) -> Answer:
    """Make the tables of pgflow and pgmq, and the flows."""
    watch = Stopwatch(job.url)
    watch.start()
    install_schema(job.url)
    return watch.stop(1)


def diamonds(job: Job) -> Answer:
    """Work off diamonds that wait."""
    return _work_off(job, "diamond", "Good morning")


def singles(job: Job) -> Answer:
    """Work off runs of one step that wait."""
    return _work_off(job, "single", "")


def payload(job: Job) -> Answer:
    """Work off chains that hand a text on."""
    return _work_off(job, "chain5", "x" * job.size)


def _work_off(job: Job, flow: str, text: str) -> Answer:
    steps = len(FLOWS[flow]) * job.runs
    with psycopg.connect(job.url, autocommit=True) as conn:
        _start_in_bulk(conn, flow, [{"text": text}] * job.runs)
        conn.execute("vacuum analyze")
    return work_off(
        job, work, flow, BATCH, handlers=steps, units=steps, is_open=IS_OPEN, completed=COMPLETED
    )


def _start_in_bulk(conn: psycopg.Connection, flow: str, payloads: list[dict[str, str]]) -> None:
    for first in range(0, len(payloads), BULK):
        chosen = [Jsonb(one) for one in payloads[first : first + BULK]]
        conn.execute(START_MANY, (chosen, flow))


def squares(job: Job) -> Answer:
    """Let one run map a list, and sum it up."""
    watch = Stopwatch(job.url)
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        Fleet(work, job.url, "squares", BATCH, workers=job.workers) as fleet,
    ):
        fleet.start()
        watch.start()
        conn.execute(START, ("squares", Jsonb(list(range(job.items)))))
        fleet.await_handled(job.items + 1)
        fleet.finish(lambda: not scalar(conn, IS_OPEN))
        answer = watch.stop(job.items)
        total = sum(number * number for number in range(job.items))
        check_count(conn, "select (output ->> 'total')::bigint from pgflow.runs", total)
        return replace(answer, peak_mb=fleet.peak_mb())


def start(job: Job) -> Answer:
    """Start diamonds that nobody works off."""
    watch = Stopwatch(job.url)
    with psycopg.connect(job.url, autocommit=True) as conn:
        watch.start()
        if job.how == "bulk":
            _start_in_bulk(conn, "diamond", [{"text": "Good morning"}] * job.runs)
        elif job.how == "pipelined":
            with conn.pipeline() as pipeline:
                for _ in range(job.runs):
                    conn.execute(START, ("diamond", Jsonb({"text": "Good morning"})))
                    # ends the transaction, and waits for nothing
                    pipeline.sync()
        else:
            for _ in range(job.runs):
                conn.execute(START, ("diamond", Jsonb({"text": "Good morning"})))
        answer = watch.stop(job.runs)
        check_count(conn, STARTED, job.runs)
    return answer


def transition(job: Job) -> Answer:
    """Let one chain after the other run on an idle worker."""
    found: list[float] = []
    for moments in _let_run(job, "chain10"):
        began = moments[1:]
        found += [1000 * (b - a) for a, b in pairwise(began)]
    return Answer(units=job.runs, milliseconds=found)


def wake(job: Job) -> Answer:
    """Start one run at a time for a worker that polls."""
    found = [1000 * (began - called) for called, began in _let_run(job, "single")]
    return Answer(units=job.runs, milliseconds=found)


def _let_run(job: Job, flow: str) -> list[list[float]]:
    """Return, for each run, when it was started and when its handlers began.

    The clock of the worker is that of this process: the one of the machine.
    """
    steps = len(FLOWS[flow])
    found: list[list[float]] = []
    moment_of = Random(job.runs)
    with (
        psycopg.connect(job.url, autocommit=True) as conn,
        Fleet(work, job.url, flow, BATCH, workers=1) as fleet,
    ):
        fleet.start()
        # the first is for connections and plans, and does not count
        for number in range(1, job.runs + 2):
            called = perf_counter()
            row = conn.execute(
                "select run_id from pgflow.start_flow(%s, %s)", (flow, Jsonb({"text": ""}))
            ).fetchone()
            assert row is not None
            fleet.await_handled(number * steps)
            # at no particular moment between two polls
            sleep(PAUSE_SECONDS + moment_of.uniform(0, POLL_MILLISECONDS / 1000))
            moments = [moment for (moment,) in conn.execute(MOMENTS, row)]
            if len(moments) != steps:
                raise RuntimeError(f"{len(moments)} steps of a run completed instead of {steps}")
            found.append([called, *moments])
        fleet.finish(lambda: not scalar(conn, IS_OPEN))
    return found[1:]


def idle(job: Job) -> Answer:
    """Let a worker poll."""
    watch = Stopwatch(job.url)
    with Fleet(work, job.url, "single", BATCH, workers=1) as fleet:
        fleet.start()
        watch.start()
        sleep(job.seconds)
        answer = watch.stop(0)
        fleet.finish(lambda: True)
        return answer


CONTENDER: Final = Contender(
    slug="pgflow_ts",
    title="pgflow (TypeScript) SQL core",
    packages=("pgmq", "psycopg"),
    configuration=(
        f"The SQL of the npm package @pgflow/core {VERSION}, the newest in that registry, on the"
        " SQL of pgmq as the PyPI package pgmq carries it (both Apache-2.0), in a database of its"
        " own. realtime.send, which Supabase has, is a function that does nothing: the real one"
        " writes a row for each event, so this spares pgflow work. pg_cron, pg_net and vault are"
        " not needed for these functions. Its worker runs in Deno; in its place a loop in Python"
        " with psycopg calls the same functions, in batches and pipelined: complete_task for all"
        f" tasks of a batch and the next claim are one round trip and one commit, with {BATCH}"
        " tasks (of 10, 50, 100 and 300 the cheapest), where the worker has a commit for each."
        f" When idle it polls as the worker does, each {POLL_MILLISECONDS} ms (pollIntervalMs, its"
        " default; reference/configuration/worker). Starts: start_flow one by one, pipelined, and"
        f" {BULK} calls in a statement."
    ),
    can={
        "diamonds": diamonds,
        "singles": singles,
        "transition": transition,
        "map": squares,
        "payload": payload,
        "start": start,
        "wake": wake,
        "idle": idle,
        "install": install,
    },
)

if __name__ == "__main__":
    main(CONTENDER)
