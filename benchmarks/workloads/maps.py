"""One run that maps a list and sums up."""

from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, seconds_of

ITEMS = "items"
MEMORY = "largest memory of the worker"


def _measure(bench: Bench, trial: Trial) -> Taken:
    done = ask(bench, trial, "map", "items")
    seconds = seconds_of(done)
    figures = {ITEMS: trial.size / seconds}
    if done.answer["peak_mb"]:
        figures[MEMORY] = done.answer["peak_mb"]
    return Taken(figures=figures, raw=done.raw(), seconds=seconds)


MAP = Workload(
    slug="map",
    about="one run: a task for each item of a list, then one step that sums up; from start to end",
    needs="map",
    figures={ITEMS: "items/s", MEMORY: "MB"},
    cases=(
        Case(name="10,000 items", size=10_000, quick=300),
        Case(name="100,000 items", size=100_000, quick=600),
    ),
    measure=_measure,
    seconds=4,
)
