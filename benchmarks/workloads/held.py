"""What becomes of an engine while somebody holds a transaction open: dead rows cannot be removed.

Runs of one step are worked off again and again, on one database, beside an idle transaction whose
snapshot is as old as the measurement; the rate of each turn is a point of a curve. The control is
the same without the transaction.
"""

from contextlib import ExitStack
from time import monotonic

import psycopg
from benchmarks.child import Done, run_contender
from benchmarks.measure import OURS, Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import seconds_of

FIRST = "rate at the beginning"
LAST = "rate at the end"
KEPT = "kept"
HELD = "held"
CONTROL = "control"
_ENDS = 3
"""Of how many turns the rates at the beginning and at the end are."""
_SECONDS = {HELD: (600.0, 120.0, 20.0), CONTROL: (30.0, 20.0, 10.0)}
"""Of ours, of a peer, and of any in a look."""


def _measure(bench: Bench, trial: Trial) -> Taken:
    ours, peer, quick = _SECONDS[trial.case.name]
    seconds = bench.scale * (quick if bench.quick else ours if trial.contender == OURS else peer)
    points: list[tuple[float, float]] = []
    done: Done | None = None
    with ExitStack() as stack:
        url = stack.enter_context(bench.database(trial.contender))
        if trial.case.name == HELD:
            _hold(stack.enter_context(psycopg.connect(url)))
        began = monotonic()
        while done is None or (trial.round > 0 and monotonic() - began < seconds):
            done = run_contender(trial.module, "singles", url, {"runs": trial.size})
            points.append((monotonic() - began, trial.size / seconds_of(done)))
    rates = [rate for _, rate in points]
    first, last = _mean(rates[:_ENDS]), _mean(rates[-_ENDS:])
    return Taken(
        figures={FIRST: first, LAST: last, KEPT: last / first},
        raw={"points": points, "last": done.raw()},
        seconds=seconds_of(done),
    )


def _hold(conn: psycopg.Connection) -> None:
    conn.execute("set transaction isolation level repeatable read")
    conn.execute("select count(*) from pg_class")  # takes the snapshot


def _mean(rates: list[float]) -> float:
    return sum(rates) / len(rates)


HELD_OPEN = Workload(
    slug="held",
    about="runs of one step, again and again, beside a transaction that is held open; ours ten "
    "minutes, peers two",
    needs="singles",
    figures={FIRST: "runs/s", LAST: "runs/s", KEPT: "of the beginning"},
    cases=(
        Case(name=CONTROL, size=40_000, quick=400),
        Case(name=HELD, size=40_000, quick=400),
    ),
    measure=_measure,
    only=(OURS, "pgqueuer", "absurd"),
    seconds=3,
    most_rounds=1,
)
