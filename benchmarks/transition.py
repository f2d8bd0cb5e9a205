"""How long it takes from one step to the next when nothing else happens.

One run of ten steps at a time, through a worker. Every handler notes when it began, so the figure
is all that lies between two handlers: report, commit, what the engine does, claim, decoding.
"""

import subprocess
import time
from itertools import pairwise
from statistics import quantiles

import psycopg
from benchmarks.measure import Bench, Benchmark, Goal, Round
from benchmarks.worker_process import running_worker

from pgflow_client import Client

P50 = "step-to-step transition on an idle system, p50"
P99 = "step-to-step transition on an idle system, p99"
_WARM_UP = 5
_STEPS = [f"s{number}" for number in range(1, 11)]
_MOST_SECONDS = 60


def run_round(bench: Bench) -> Round:
    """Run chains one at a time, and return two percentiles of their transitions."""
    runs = 40 if bench.quick else 300
    taken: list[float] = []
    with bench.database() as url, running_worker(url, "chain") as worker:
        _wait_for_worker(url, worker)
        with Client(url, manifest=bench.manifest) as client:
            for number in range(_WARM_UP + runs):
                began = _run_chain(client, number)
                if number >= _WARM_UP:
                    taken += [(after - before) / 1e6 for before, after in pairwise(began)]
    percentiles = quantiles(taken, n=100)
    return {P50: percentiles[49], P99: percentiles[98]}


def _run_chain(client: Client, number: int) -> list[int]:
    """Return when the handler of each step began, in nanoseconds."""
    run = client.start("chain", number)
    deadline = time.monotonic() + _MOST_SECONDS
    # Looking now and then disturbs less than being notified of every step.
    while (snapshot := run.get()).status == "started":
        if time.monotonic() > deadline:
            raise TimeoutError(str(snapshot))
        time.sleep(0.05)
    began: list[int] = []
    for step in _STEPS:
        result = snapshot.result(step)
        if not isinstance(result, list) or not isinstance(result[1], int):
            raise TypeError(f"step {step} returned {result!r}")
        began.append(result[1])
    return began


def _wait_for_worker(url: str, worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute("select from pgflow.workers where idle").fetchone() is None:
            if worker.poll() is not None:
                raise RuntimeError(f"the worker ended with code {worker.returncode}")
            if time.monotonic() > deadline:
                raise TimeoutError("the worker did not start")
            time.sleep(0.02)


BENCHMARK = Benchmark(
    slug="transition",
    about="chains of 10 steps, one run at a time, from handler to handler",
    figures={P50: ("ms", Goal(value=4, at_least=False)), P99: ("ms", None)},
    run_round=run_round,
)
