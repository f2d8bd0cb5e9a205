"""Absurd, measured: `python -m benchmarks.contenders.absurd diamonds --url … --runs 2000`.

Its SQL comes from absurdctl, the package that its documentation installs the schema with.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import pairwise
from random import Random
from string import ascii_letters
from time import perf_counter_ns, sleep
from typing import Final, LiteralString, cast

import psycopg
from absurd_sdk import Absurd
from benchmarks.contenders.absurd_flows import ITEMS_QUEUE, PARTS, QUEUE, Memo
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.stopwatch import Stopwatch
from benchmarks.contenders.worker_processes import (
    WorkerProcesses,
    check,
    connections_for,
    peak_mb,
    scalar,
    work_off,
)

_WORKER: Final = "benchmarks.contenders.absurd_worker"
_CONNECTIONS: Final = 8
_BATCH: Final = 20
_FAST_POLL_SECONDS: Final = "0.01"
_WARM_UP: Final = 3
_TIMEOUT_SECONDS: Final = 60
_OPTIONS: Final = '{"max_attempts": 5}'
"""What the SDK sends when nothing else is said."""
_BULK: Final = (
    "select count(*) from jsonb_array_elements(%s::jsonb) as item (params),"
    " absurd.spawn_task(%s, %s, item.params, %s::jsonb)"
)
_IS_OPEN: Final = (
    "select exists (select from absurd.r_work where state in ('pending', 'running', 'sleeping'))"
)
_STEPS: Final = "select count(*) from absurd.c_work"


def install(job: Job) -> Answer:
    """Do what `absurdctl init` and `absurdctl create-queue work` do, without needing psql."""
    # the package has no types
    schema = cast("LiteralString", import_module("absurdctl").BUNDLED_SCHEMA_SQL)
    with psycopg.connect(job.url, autocommit=True) as conn:
        conn.execute(schema)
        for queue in (QUEUE, ITEMS_QUEUE):
            conn.execute("select absurd.create_queue(%s)", [queue])
    return Answer()


def diamonds(job: Job) -> Answer:
    """Work off runs of the diamond."""
    return _work_off(
        job,
        "diamond",
        [_memo(number) for number in range(job.runs)],
        steps=4,
        correct="select count(*) from absurd.t_work where task_name = 'diamond'"
        " and completed_payload = jsonb_build_array('en', params -> 'object_name')",
    )


def singles(job: Job) -> Answer:
    """Work off runs of one step."""
    return _work_off(
        job,
        "single",
        list(range(job.runs)),
        steps=0,
        correct="select count(*) from absurd.t_work"
        " where task_name = 'single' and completed_payload = params",
    )


def payload(job: Job) -> Answer:
    """Work off runs that hand on a text."""
    text = "".join(Random(job.size).choices(ascii_letters, k=job.size))
    return _work_off(
        job,
        "relay",
        [text] * job.runs,
        steps=5,
        correct="select count(*) from absurd.t_work"
        " where task_name = 'relay' and completed_payload = params",
    )


def squares(job: Job) -> Answer:
    """Work off one run that deals its items out to tasks, with a step for each item."""
    stored: LiteralString = "select count(*) from absurd.c_items"
    with psycopg.connect(job.url, autocommit=True) as conn:
        before = scalar(conn, stored)
        answer = _work_off(
            replace(job, runs=1),
            "squares",
            [list(range(job.items))],
            # for each part: spawned, awaited; then the sum
            steps=2 * PARTS + 1,
            correct="select count(*) from absurd.t_work where task_name = 'squares' and"
            " completed_payload = (select to_jsonb(sum(item::bigint * item::bigint))"
            " from jsonb_array_elements_text(params) as item)",
            item_connections=PARTS,
            start_within=True,
        )
        check("items stored", scalar(conn, stored) - before, job.items)
    return replace(answer, units=job.items)


def start(job: Job) -> Answer:
    """Start runs of the diamond, and leave them."""
    memos = [_memo(number) for number in range(job.runs)]
    count: LiteralString = "select count(*) from absurd.t_work where state = 'pending'"
    with psycopg.connect(job.url, autocommit=True) as conn:
        before = scalar(conn, count)
        watch = Stopwatch(job.url)
        watch.start()
        if job.how == "one_by_one":
            _start_one_by_one(conn, memos)
        elif job.how == "pipelined":
            _start_pipelined(conn, memos)
        else:
            _start_in_bulk(conn, "diamond", memos)
        answer = watch.stop(job.runs)
        check("runs started", scalar(conn, count) - before, job.runs)
    return answer


def _start_one_by_one(conn: psycopg.Connection, memos: list[Memo]) -> None:
    app = Absurd(conn, queue_name=QUEUE)
    for memo in memos:
        app.spawn("diamond", memo, queue=QUEUE)


def _start_pipelined(conn: psycopg.Connection, memos: list[Memo]) -> None:
    with conn.pipeline() as pipeline:
        for memo in memos:
            conn.execute(
                "select absurd.spawn_task(%s, %s, %s, %s)",
                [QUEUE, "diamond", json.dumps(memo), _OPTIONS],
            )
            # without it, all that is in the pipeline would be one transaction
            pipeline.sync()


def _start_in_bulk(conn: psycopg.Connection, name: str, params: Sequence[object]) -> None:
    conn.execute(_BULK, [json.dumps(params), QUEUE, name, _OPTIONS])


def transition(job: Job) -> Answer:
    """Run chains, one at a time, and look at the times that their steps noted."""
    taken: list[float] = []

    def run(app: Absurd, number: int) -> None:
        spawned = app.spawn("chain", number, queue=QUEUE)
        began = cast("list[int]", _result(app, spawned["task_id"]))
        check("steps of a chain", len(began), 10)
        if number >= _WARM_UP:
            taken.extend((after - before) / 1e6 for before, after in pairwise(began))

    return _one_at_a_time(job, run, taken)


def wake(job: Job) -> Answer:
    """Start runs of one step, one at a time, after a moment in which the worker is idle."""
    taken: list[float] = []
    pause = Random(job.runs)

    def run(app: Absurd, number: int) -> None:
        # longer than a poll, and of no fixed relation to it
        sleep(pause.uniform(0.05, 0.1))
        started = perf_counter_ns()
        spawned = app.spawn("begun", number, queue=QUEUE)
        began = cast("int", _result(app, spawned["task_id"]))
        if number >= _WARM_UP:
            taken.append((began - started) / 1e6)

    return _one_at_a_time(job, run, taken)


def _one_at_a_time(job: Job, run: Callable[[Absurd, int], None], taken: list[float]) -> Answer:
    processes = WorkerProcesses(_WORKER, job.url, "--poll-interval", _FAST_POLL_SECONDS)
    app = Absurd(job.url, queue_name=QUEUE)
    try:
        with processes:
            processes.go()
            for number in range(_WARM_UP + job.runs):
                run(app, number)
    finally:
        app.close()
    return Answer(units=job.runs, milliseconds=taken, peak_mb=peak_mb())


def _result(app: Absurd, task_id: str) -> object:
    snapshot = app.await_task_result(task_id, timeout=_TIMEOUT_SECONDS)
    if snapshot.state != "completed":
        raise RuntimeError(f"a run {snapshot.state}: {snapshot.failure}")
    return snapshot.result


def idle(job: Job) -> Answer:
    """Let a worker poll in vain, as often as it does when nothing else is said."""
    with WorkerProcesses(_WORKER, job.url) as processes:
        processes.go()
        sleep(job.seconds)
    return Answer(seconds=job.seconds, peak_mb=peak_mb())


def _work_off(
    job: Job,
    name: str,
    params: Sequence[object],
    *,
    steps: int,
    correct: LiteralString,
    item_connections: int = 0,
    start_within: bool = False,
) -> Answer:
    with psycopg.connect(job.url, autocommit=True) as conn:
        before = scalar(conn, correct), scalar(conn, _STEPS)
        most = 1 if item_connections else _CONNECTIONS
        connections = connections_for(conn, job.workers, most)
        # not so many that one client would have all that there is
        batch = max(1, min(_BATCH, job.runs // (4 * connections * job.workers)))
        processes = WorkerProcesses(
            *(_WORKER, job.url, "--poll-interval", _FAST_POLL_SECONDS),
            *("--connections", str(connections), "--batch", str(batch)),
            *("--item-connections", str(item_connections)),
            workers=job.workers,
        )
        begin = partial(_start_in_bulk, conn, name, params)
        if not start_within:
            begin()
        answer = work_off(
            *(conn, processes),
            url=job.url,
            units=job.runs * max(1, steps),
            is_open=_IS_OPEN,
            release=begin if start_within else None,
        )
        check(f"runs of {name} completed", scalar(conn, correct) - before[0], job.runs)
        check(f"steps of {name} stored", scalar(conn, _STEPS) - before[1], job.runs * steps)
    return answer


def _memo(number: int) -> Memo:
    return {"object_name": f"{number}.webm", "owner_id": "owner"}


CONTENDER: Final = Contender(
    slug="absurd",
    title="Absurd",
    packages=("absurd-sdk", "absurdctl"),
    configuration=(
        "The schema of absurdctl with an unpartitioned queue, the default. A flow is a task,"
        " a step is ctx.step (docs: Python SDK); the steps of a task run one after the other,"
        " for there are no parallel ones. A run of one step is a task without ctx.step, whose"
        f" result is stored with it. A worker process has {_CONNECTIONS} synchronous clients,"
        " fewer where the server has not enough connections. Each has a connection and a"
        f" thread of its own and claims batches of up to {_BATCH} (start_worker, batch_size):"
        " that is twice as fast as one client, and faster than AsyncAbsurd or"
        " start_worker(concurrency=…), whose tasks share one connection. A map is dealt out to"
        f" {PARTS} tasks of a second queue (ctx.await_task_result), with a step for each item:"
        " four times as fast as a single task; a task for each item would take more calls than"
        " a step. One by one is Absurd.spawn; pipelined and bulk call the SQL function behind"
        " it, absurd.spawn_task: with a commit each, and many times in one statement."
        " poll_interval is 10 ms, also for `wake`; `idle` has the default of 250 ms and one"
        " client: one cannot have both, for 10 ms costs 100 claims per second and client."
    ),
    can={
        "install": install,
        "diamonds": diamonds,
        "transition": transition,
        "singles": singles,
        "map": squares,
        "start": start,
        "payload": payload,
        "wake": wake,
        "idle": idle,
    },
)

if __name__ == "__main__":
    main(CONTENDER)
