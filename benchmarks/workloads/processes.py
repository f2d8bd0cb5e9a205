"""What more worker processes bring, on the same machine as the server."""

from dataclasses import replace

from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, seconds_of

STEPS = "steps"
SERVER_CPU = "processor of the server"
_DIAMONDS = 4


def _measure(unit: str, steps: int, bench: Bench, trial: Trial) -> Taken:
    done = ask(bench, trial, unit)
    seconds, units = seconds_of(done), trial.size * steps
    figures = {STEPS: units / seconds}
    if done.answer["server_cpu_seconds"]:
        figures[SERVER_CPU] = done.answer["server_cpu_seconds"] / units * 1e6
    return Taken(figures=figures, raw=done.raw(), seconds=seconds)


def _diamonds(bench: Bench, trial: Trial) -> Taken:
    return _measure("diamonds", _DIAMONDS, bench, trial)


def _singles(bench: Bench, trial: Trial) -> Taken:
    return _measure("singles", 1, bench, trial)


def _case(workers: int, size: int, quick: int) -> Case:
    name = f"{workers} worker" if workers == 1 else f"{workers} workers"
    return Case(name=name, size=size, quick=quick, options={"workers": workers}, least=40)


DIAMONDS_BY = Workload(
    slug="processes",
    about="diamonds wait, then 1, 2, 4 or 8 worker processes begin at once",
    needs="diamonds",
    figures={STEPS: "steps/s", SERVER_CPU: "µs/step"},
    cases=tuple(_case(workers, 6_000, 150) for workers in (1, 2, 4, 8)),
    measure=_diamonds,
    seconds=3,
    one_size=True,
)
SINGLES_BY = replace(
    DIAMONDS_BY,
    slug="processes_singles",
    about="the same with runs of one step, for the queues, which have no diamonds",
    needs="singles",
    cases=tuple(_case(workers, 20_000, 500) for workers in (1, 2, 4, 8)),
    measure=_singles,
    only=("pgqueuer", "procrastinate"),
)
