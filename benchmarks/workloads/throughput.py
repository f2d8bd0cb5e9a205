"""How fast one worker works off what waits, and what that costs on both sides."""

from collections.abc import Callable

from benchmarks.measure import Bench, Case, Taken, Trial, Workload
from benchmarks.workloads.asking import ask, seconds_of

DIAMOND_STEPS = 4
CLIENT_CPU = "processor of the worker"
SERVER_CPU = "processor of the server, start included"
WAL = "log, start included"
DISK = "disk, start included"


def _measure(workload: str, rate: str, steps: int) -> Callable[[Bench, Trial], Taken]:
    def measure(bench: Bench, trial: Trial) -> Taken:
        done = ask(bench, trial, workload)
        seconds, units = seconds_of(done), trial.size * steps
        return Taken(
            figures={
                rate: units / seconds,
                CLIENT_CPU: done.answer["client_cpu_seconds"] / units * 1e6,
                SERVER_CPU: done.server_cpu_seconds / units * 1e6,
                WAL: done.wal_bytes / units,
                DISK: done.database_bytes / units,
            },
            raw=done.raw(),
            seconds=seconds,
        )

    return measure


def _figures(rate: str, unit: str) -> dict[str, str]:
    return {
        rate: f"{unit}s/s",
        CLIENT_CPU: f"µs/{unit}",
        SERVER_CPU: f"µs/{unit}",
        WAL: f"bytes/{unit}",
        DISK: f"bytes/{unit}",
    }


DIAMONDS = Workload(
    slug="diamonds",
    about="2,000 diamond runs wait, then one worker starts: from its first claim to the last run",
    needs="diamonds",
    figures=_figures("steps", "step"),
    cases=(Case(size=2_000, quick=150),),
    measure=_measure("diamonds", "steps", DIAMOND_STEPS),
)
SINGLES = Workload(
    slug="singles",
    about="20,000 runs of one step wait, then one worker starts",
    needs="singles",
    figures=_figures("runs", "run"),
    cases=(Case(size=20_000, quick=500),),
    measure=_measure("singles", "runs", 1),
)
