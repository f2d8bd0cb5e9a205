"""What large values cost on their way through the steps of a run."""

from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, seconds_of

STEPS = "steps"
_CHAIN = 5


def _measure(bench: Bench, trial: Trial) -> Taken:
    done = ask(bench, trial, "payload")
    seconds = seconds_of(done)
    return Taken(figures={STEPS: trial.size * _CHAIN / seconds}, raw=done.raw(), seconds=seconds)


PAYLOAD = Workload(
    slug="payload",
    about="chains of five steps wait, each step hands on the text that it was given; one worker",
    needs="payload",
    figures={STEPS: "steps/s"},
    cases=(
        Case(name="1 KB", size=2_000, quick=60, options={"size": 1_000}, least=4),
        Case(name="100 KB", size=300, quick=20, options={"size": 100_000}, least=4),
        Case(name="1 MB", size=40, quick=5, options={"size": 1_000_000}, least=4),
    ),
    measure=_measure,
    seconds=2,
)
