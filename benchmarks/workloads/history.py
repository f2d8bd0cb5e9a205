"""Whether our rates fall as finished runs pile up."""

from contextlib import ExitStack
from typing import Final

import psycopg
from benchmarks.child import run_contender
from benchmarks.measure import OURS, Bench, Case, Taken, Trial, Workload, create_database
from benchmarks.workloads.asking import percentiles, seconds_of
from benchmarks.workloads.history_fill import fill_history
from benchmarks.workloads.throughput import DIAMOND_STEPS

STEPS: Final = "steps"
P50: Final = "transition, p50"
P99: Final = "transition, p99"
EMPTY: Final = "no runs"
FULL: Final = "5,000,000 runs"
_CHAINS: Final = 40


def _measure(bench: Bench, trial: Trial) -> Taken:
    quick = bench.quick
    rows = int(int(trial.case.options["rows"]) * (0.02 if quick else 1) * bench.scale)
    with ExitStack() as stack:
        url = _filled(bench, rows) if rows else stack.enter_context(bench.database())
        with psycopg.connect(bench.server.url(), autocommit=True) as admin:
            admin.execute("checkpoint")
        diamonds = run_contender(trial.module, "diamonds", url, {"runs": trial.size})
        chains = max(1, int((10 if quick else _CHAINS) * bench.scale))
        transition = run_contender(trial.module, "transition", url, {"runs": chains})
    p50, p99 = percentiles(transition.answer["milliseconds"])
    return Taken(
        figures={
            STEPS: trial.size * DIAMOND_STEPS / seconds_of(diamonds),
            P50: p50,
            P99: p99,
        },
        raw={"rows": rows, "diamonds": diamonds.raw(), "transition": transition.raw()},
    )


def _filled(bench: Bench, rows: int) -> str:
    """Return a database with so many runs, which all rounds share: each adds next to nothing."""
    name = f"history_{rows}"
    with psycopg.connect(bench.server.url(), autocommit=True) as admin:
        there = admin.execute("select from pg_database where datname = %s", (name,)).fetchone()
        if there is None:
            create_database(admin, name, bench.templates[OURS])
            fill_history(bench.server.url(name), rows)
    return bench.server.url(name)


HISTORY = Workload(
    slug="history",
    about="diamonds and transitions of ours in a database that holds so many finished runs (a "
    "fiftieth of that with --quick)",
    needs="diamonds",
    figures={STEPS: "steps/s", P50: "ms", P99: "ms"},
    cases=tuple(
        Case(name=name, size=2_000, quick=2_000, options={"rows": rows})
        for name, rows in ((EMPTY, 0), ("1,000,000 runs", 1_000_000), (FULL, 5_000_000))
    ),
    measure=_measure,
    only=(OURS,),
    seconds=0,
)
