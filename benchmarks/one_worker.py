"""How many steps per second one worker process runs, with typed handlers that do nothing.

The runs wait already when the worker starts. What counts is the time from its first claim to its
last report, by the clock of the database; the start of the process is left out.
"""

import subprocess

import psycopg
from benchmarks.measure import Bench, Benchmark, Goal, Round
from benchmarks.sql_alone import check_all_completed, start_diamonds
from benchmarks.worker_process import worker_command

FIGURE = "diamond steps through one worker process, typed no-op handlers"
_MOST_SECONDS = 300


def run_round(bench: Bench) -> Round:
    """Let a worker work off diamond runs that wait, and return the steps per second."""
    runs = 2_000 if bench.quick else 10_000
    with bench.database() as url, psycopg.connect(url, autocommit=True) as conn:
        start_diamonds(conn, runs)
        subprocess.run(worker_command(url, "diamond", "--drain"), check=True, timeout=_MOST_SECONDS)
        check_all_completed(conn, runs)
        row = conn.execute(
            "select count(*), extract(epoch from max(ended_at) - min(started_at))::float8 "
            "from pgflow.attempts"
        ).fetchone()
    assert row is not None
    steps, seconds = row
    if steps != runs * 4:
        raise RuntimeError(f"{steps} attempts for {runs * 4} steps")
    return {FIGURE: steps / seconds}


BENCHMARK = Benchmark(
    slug="one_worker",
    about="2,000 runs waiting (10,000 without --quick), `pgflow-worker --drain`",
    figures={FIGURE: ("steps/s", Goal(value=4_000, at_least=True))},
    run_round=run_round,
)
