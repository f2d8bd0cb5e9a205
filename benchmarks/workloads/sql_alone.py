"""How many steps per second the SQL functions move, with one connection and no handlers.

Each trip completes a batch and claims the next in one call, as the worker does; what is claimed
comes with the results of its deps. Values are sent and read as text and left undecoded, so
that Python weighs as little as it can.
"""

from collections.abc import Iterable
from time import perf_counter
from uuid import uuid4

import psycopg
from benchmarks.measure import Bench, Benchmark, Goal, Round

BATCH = 500
RATE = "diamond steps"
WAL = "log per step"

_CLAIM = """
select t.run_id::text, t.step_slug, t.task_index::text, t.lease_id::text, t.args::text
from pgflow.claim_tasks(%s, %s, 60) as t
"""
_EXCHANGE = """
select t.outcome, t.run_id::text, t.step_slug, t.task_index::text, t.lease_id::text, t.args::text
from pgflow.exchange_tasks(
  %s, %s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::jsonb[], %s, 60
) as t
"""
_RESULTS = {
    "transcribe": r'"{\"transcription\":\"memo.wav\",\"language\":\"en\"}"',
    "summarize": r'"\"en\""',
    "capitalize": r'"\"MEMO.WAV\""',
    "merge": r'"[\"en\",\"MEMO.WAV\"]"',
}
"""What each step returns, as an element of an array literal of jsonb."""


def run_round(bench: Bench) -> Round:
    """Work off diamond runs that wait already; return steps per second, and bytes of WAL each."""
    runs = max(10, int((3_000 if bench.quick else 10_000) * bench.scale))
    with bench.database() as url, psycopg.connect(url, autocommit=True) as conn:
        start_diamonds(conn, runs)
        worker_id = _register(conn, bench)
        written, began = _wal(conn), perf_counter()
        steps = _work_off(conn, worker_id)
        seconds, written = perf_counter() - began, _wal(conn) - written
        check_all_completed(conn, runs)
    if steps != runs * 4:
        raise RuntimeError(f"{steps} steps were claimed, {runs * 4} were expected")
    return {RATE: steps / seconds, WAL: written / steps}


def start_diamonds(conn: psycopg.Connection, runs: int) -> None:
    """Start *runs* runs of the diamond, in batches."""
    payload = '{"object_name": "memo.wav", "owner_id": "someone"}'
    for start in range(0, runs, 1000):
        conn.execute(
            "select pgflow.start_flows('diamond', array_fill(%s::jsonb, array[%s::int]))",
            (payload, min(1000, runs - start)),
        )


def check_all_completed(conn: psycopg.Connection, runs: int) -> None:
    """Refuse figures of a round in which not everything was done."""
    row = conn.execute(
        "select count(*) filter (where status = 'completed') from pgflow.runs"
    ).fetchone()
    if row != (runs,):
        raise RuntimeError(f"only {row} of {runs} runs have completed")


def _register(conn: psycopg.Connection, bench: Bench) -> str:
    worker_id = str(uuid4())
    flow = bench.manifest.flow("diamond")
    conn.execute(
        "select pgflow.register_worker(%s::uuid, 'benchmark', %s, %s, %s)",
        (
            worker_id,
            [flow.slug] * len(flow.steps),
            [step.slug for step in flow.steps],
            [step.digest for step in flow.steps],
        ),
    )
    return worker_id


def _work_off(conn: psycopg.Connection, worker_id: str) -> int:
    steps = 0
    rows = conn.execute(_CLAIM, (worker_id, BATCH), prepare=True).fetchall()
    tasks = [(None, *row) for row in rows]
    while tasks:
        steps += len(tasks)
        outcomes, run_ids, slugs, indexes, lease_ids, _args = zip(*tasks, strict=True)
        if any(outcomes):
            raise RuntimeError("the engine did not accept every result")
        results = (_RESULTS[slug] for slug in slugs)
        reports = [_array(column) for column in (run_ids, slugs, indexes, lease_ids, results)]
        tasks = conn.execute(_EXCHANGE, (worker_id, *reports, BATCH), prepare=True).fetchall()
    return steps


def _wal(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _array(items: Iterable[str]) -> str:
    return f"{{{','.join(items)}}}"


BENCHMARK = Benchmark(
    slug="sql_alone",
    about="diamonds through the SQL functions alone: complete and claim in one call, batches of "
    "500, one connection, dependency results delivered",
    figures={
        RATE: ("steps/s", Goal(value=20_000, at_least=True)),
        WAL: ("bytes", Goal(value=1_070, at_least=False)),
    },
    run_round=run_round,
)
