"""DBOS Transact, measured: `python -m benchmarks.contenders.dbos diamonds --url … --runs 2000`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from string import ascii_letters
from time import perf_counter_ns, sleep
from typing import Final, LiteralString, cast

import psycopg
from benchmarks.contenders.contender import Answer, Contender, Job, main
from benchmarks.contenders.dbos_flows import APPLICATION, PARTS, QUEUE, Memo, configuration
from benchmarks.contenders.stopwatch import Stopwatch
from benchmarks.contenders.worker_processes import (
    WorkerProcesses,
    check,
    connections_for,
    peak_mb,
    scalar,
    work_off,
)
from dbos import DBOS, DBOSClient, EnqueueOptions, Queue, WorkflowHandle

_WORKER: Final = "benchmarks.contenders.dbos_worker"
_CONNECTIONS: Final = 20
_THREADS: Final = 16
_CONCURRENCY: Final = 200
_POLL_SECONDS: Final = 0.05
_FAST_POLL_SECONDS: Final = 0.01
_DEFAULT_POLL_SECONDS: Final = 1.0
_WARM_UP: Final = 3
_ENQUEUE: Final = (
    "dbos.enqueue_workflow(workflow_name => %s, queue_name => %s,"
    " positional_args => array[{}], application_name => %s)"
)
_ONE: Final[LiteralString] = "select " + _ENQUEUE.format("%s::json")
_BULK: Final[LiteralString] = (
    "select count(" + _ENQUEUE.format("item.value") + ") from json_array_elements(%s::json) as item"
)
_IS_OPEN: Final = (
    "select exists (select from dbos.workflow_status where status in ('ENQUEUED', 'PENDING'))"
)
_STEPS: Final = "select count(*) from dbos.operation_outputs"
_COMPLETED: Final[LiteralString] = (
    "select count(*) from dbos.workflow_status join dbos.workflow_input as i using (workflow_uuid)"
    " join dbos.workflow_output as o using (workflow_uuid) where status = 'SUCCESS' and "
    # in this order: the results of other runs may be no JSON
    "case when name = '{}' then {} else false end"
)
_PAYLOAD: Final[LiteralString] = "(i.inputs::jsonb #> '{positionalArgs,0}')"


def install(job: Job) -> Answer:
    """Let DBOS make its schema, as it does when it is launched first, and register the queue."""
    DBOS(config=configuration(job.url, executor="install", connections=2, threads=2))
    DBOS.listen_queues([])
    DBOS.launch()
    try:
        DBOS.register_queue(QUEUE)
    finally:
        DBOS.destroy()
    return Answer()


def diamonds(job: Job) -> Answer:
    """Work off runs of the diamond."""
    return _work_off(
        job,
        "diamond",
        [_memo(number) for number in range(job.runs)],
        steps=4,
        is_correct="o.output::jsonb = jsonb_build_array('en', " + _PAYLOAD + " -> 'object_name')",
    )


def singles(job: Job) -> Answer:
    """Work off runs of one step."""
    return _work_off(
        job,
        "single",
        range(job.runs),
        steps=0,
        is_correct="o.output::jsonb = " + _PAYLOAD,
    )


def payload(job: Job) -> Answer:
    """Work off runs that hand on a text."""
    text = "".join(Random(job.size).choices(ascii_letters, k=job.size))
    return _work_off(
        job,
        "relay",
        [text] * job.runs,
        steps=5,
        is_correct="o.output::jsonb = " + _PAYLOAD,
    )


def squares(job: Job) -> Answer:
    """Work off one run that deals its items out to others, with a step for each item."""
    answer = _work_off(
        replace(job, runs=1),
        "squares",
        [list(range(job.items))],
        # for each part: started, awaited; then the sum
        steps=job.items + 2 * PARTS + 1,
        is_correct="o.output::bigint = (select sum(item::bigint * item::bigint)"
        " from jsonb_array_elements_text(" + _PAYLOAD + ") as item)",
        start_within=True,
    )
    return replace(answer, units=job.items)


def start(job: Job) -> Answer:
    """Start runs of the diamond, and leave them."""
    memos = [_memo(number) for number in range(job.runs)]
    count: LiteralString = "select count(*) from dbos.workflow_status where status = 'ENQUEUED'"
    client = _client(job)
    try:
        with psycopg.connect(job.url, autocommit=True) as conn:
            before = scalar(conn, count)
            watch = Stopwatch(job.url)
            watch.start()
            if job.how == "one_by_one":
                for memo in memos:
                    client.enqueue(_options("diamond"), memo)
            elif job.how == "pipelined":
                _start_pipelined(conn, memos)
            else:
                _start_in_bulk(conn, "diamond", memos)
            answer = watch.stop(job.runs)
            check("runs started", scalar(conn, count) - before, job.runs)
    finally:
        client.destroy()
    return answer


def _start_pipelined(conn: psycopg.Connection, memos: Sequence[Memo]) -> None:
    with conn.pipeline() as pipeline:
        for memo in memos:
            conn.execute(_ONE, ["diamond", QUEUE, json.dumps(memo), APPLICATION])
            # without it, all that is in the pipeline would be one transaction
            pipeline.sync()


def _start_in_bulk(conn: psycopg.Connection, name: str, payloads: Sequence[object]) -> None:
    conn.execute(_BULK, [name, QUEUE, APPLICATION, json.dumps(list(payloads))])


def transition(job: Job) -> Answer:
    """Run chains, one at a time, and look at the times that their steps noted."""
    taken: list[float] = []

    def run(client: DBOSClient, number: int) -> None:
        began = cast("list[int]", _run(client, "chain", number))
        check("steps of a chain", len(began), 10)
        if number >= _WARM_UP:
            taken.extend((after - before) / 1e6 for before, after in pairwise(began))

    return _one_at_a_time(job, run, taken)


def wake(job: Job) -> Answer:
    """Start runs of one step, one at a time, after a moment in which the worker is idle."""
    taken: list[float] = []
    pause = Random(job.runs)

    def run(client: DBOSClient, number: int) -> None:
        # longer than a poll, and of no fixed relation to it
        sleep(pause.uniform(0.05, 0.1))
        started = perf_counter_ns()
        began = cast("int", _run(client, "begun", number))
        if number >= _WARM_UP:
            taken.append((began - started) / 1e6)

    return _one_at_a_time(job, run, taken)


def _one_at_a_time(job: Job, run: Callable[[DBOSClient, int], None], taken: list[float]) -> Answer:
    client = _client(job)
    try:
        queue = _queue(client)
        queue.set_worker_concurrency(_CONCURRENCY)
        queue.set_polling_interval_sec(_FAST_POLL_SECONDS)
        with WorkerProcesses(_WORKER, job.url) as processes:
            processes.go()
            for number in range(_WARM_UP + job.runs):
                run(client, number)
    finally:
        client.destroy()
    return Answer(units=job.runs, milliseconds=taken, peak_mb=peak_mb())


def _run(client: DBOSClient, name: str, number: int) -> object:
    """Start a run, and return its result."""
    handle = cast("WorkflowHandle[object]", client.enqueue(_options(name), number))
    return handle.get_result(polling_interval_sec=0.02)


def idle(job: Job) -> Answer:
    """Let a worker poll in vain, as often as it does when nothing else is said."""
    client = _client(job)
    try:
        queue = _queue(client)
        queue.set_worker_concurrency(None)
        queue.set_polling_interval_sec(_DEFAULT_POLL_SECONDS)
    finally:
        client.destroy()
    with WorkerProcesses(_WORKER, job.url) as processes:
        processes.go()
        sleep(job.seconds)
    return Answer(seconds=job.seconds, peak_mb=peak_mb())


def _work_off(
    job: Job,
    name: LiteralString,
    payloads: Sequence[object],
    *,
    steps: int,
    is_correct: LiteralString,
    start_within: bool = False,
) -> Answer:
    correct = _COMPLETED.format(name, is_correct)
    client = _client(job)
    try:
        with psycopg.connect(job.url, autocommit=True) as conn:
            before = scalar(conn, correct), scalar(conn, _STEPS)
            queue = _queue(client)
            queue.set_polling_interval_sec(_POLL_SECONDS)
            # the workers poll from their launch on; nothing is claimed before the clock runs
            queue.set_worker_concurrency(0)
            if not start_within:
                _start_in_bulk(conn, name, payloads)

            connections = connections_for(conn, job.workers, _CONNECTIONS)
            # a run waits for a connection in vain when there are more threads than that
            threads = min(_THREADS, connections)
            # not so many that one process would have all that there is
            share = max(threads, min(_CONCURRENCY, job.runs // (4 * job.workers)))

            def release() -> None:
                if start_within:
                    _start_in_bulk(conn, name, payloads)
                queue.set_worker_concurrency(share)

            processes = WorkerProcesses(
                *(_WORKER, job.url, "--executor", "worker-{number}"),
                *("--connections", str(connections), "--threads", str(threads)),
                workers=job.workers,
            )
            answer = work_off(
                *(conn, processes),
                url=job.url,
                units=job.runs * max(1, steps),
                is_open=_IS_OPEN,
                release=release,
            )
            check(f"runs of {name} completed", scalar(conn, correct) - before[0], job.runs)
            check(f"steps of {name} stored", scalar(conn, _STEPS) - before[1], job.runs * steps)
    finally:
        client.destroy()
    return answer


def _client(job: Job) -> DBOSClient:
    return DBOSClient(system_database_url=job.url, application_name=APPLICATION)


def _queue(client: DBOSClient) -> Queue:
    queue = client.retrieve_queue(QUEUE)
    if queue is None:
        raise RuntimeError(f"there is no queue {QUEUE!r}: `install` was not called")
    return queue


def _options(name: str) -> EnqueueOptions:
    return {"workflow_name": name, "queue_name": QUEUE}


def _memo(number: int) -> Memo:
    return {"object_name": f"{number}.webm", "owner_id": "owner"}


CONTENDER: Final = Contender(
    slug="dbos",
    title="DBOS Transact",
    packages=("dbos",),
    configuration=(
        "The workers are processes of their own that only dequeue (docs: Queue Worker), with"
        f" synchronous workflows and steps in {_THREADS} threads (Configuration:"
        f" max_executor_threads) and the default pool of {_CONNECTIONS} connections"
        " (sys_db_pool_size), fewer where the server has not enough; async ones were no"
        " faster. The two middle steps run one after the other: parallel ones, which must be"
        f" async, were slower. The queue has worker_concurrency of up to {_CONCURRENCY}, as"
        " Queues & Concurrency recommends, so that processes share what waits, and"
        f" polling_interval_sec={_POLL_SECONDS}. Serialization is portable JSON, because all"
        " runs but those of one by one, transition and wake are started by the documented SQL"
        " function dbos.enqueue_workflow (DBOS System Database): pipelined with a commit each,"
        " and in bulk as one statement, ten times as fast as"
        " DBOSClient.enqueue_in_transaction. One by one is DBOSClient.enqueue. A run of one"
        " step is a workflow without an inner step, whose result is stored with it. A map is"
        f" dealt out to {PARTS} child workflows in threads of their own, with a step for each"
        " item: faster than one loop, asyncio.gather, or a child workflow for each item."
        f" `wake` polls every {_FAST_POLL_SECONDS * 1000:.0f} ms, `idle` every second, the"
        " default: one cannot have both. The client is another process, as for all contenders;"
        " a workflow started inside the worker begins without a poll."
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
