"""How long one thing takes when nothing else happens."""

from collections.abc import Callable

from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, percentiles

P50 = "p50"
P99 = "p99"


def _measure(workload: str) -> Callable[[Bench, Trial], Taken]:
    def measure(bench: Bench, trial: Trial) -> Taken:
        done = ask(bench, trial, workload)
        p50, p99 = percentiles(done.answer["milliseconds"])
        return Taken(figures={P50: p50, P99: p99}, raw=done.raw())

    return measure


TRANSITION = Workload(
    slug="transition",
    about="chains of ten steps, one at a time, on an idle system: from the beginning of one "
    "handler to the beginning of the next",
    needs="transition",
    figures={P50: "ms", P99: "ms"},
    cases=(Case(size=40, quick=15),),
    measure=_measure("transition"),
    seconds=0,
)
WAKE = Workload(
    slug="wake",
    about="a run is started while a worker is idle: from the call to the beginning of its handler",
    needs="wake",
    figures={P50: "ms", P99: "ms"},
    cases=(Case(size=30, quick=15),),
    measure=_measure("wake"),
    seconds=0,
)
