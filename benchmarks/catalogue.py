"""Every workload of the suite, in the order in which they are measured and shown."""

from collections.abc import Sequence
from typing import Final

from benchmarks import startup
from benchmarks.measure import OURS, Bench, Benchmark, Case, Taken, Trial, Workload
from benchmarks.workloads import compilation, sql_alone, validation
from benchmarks.workloads.held import HELD_OPEN
from benchmarks.workloads.history import HISTORY
from benchmarks.workloads.idle import IDLE
from benchmarks.workloads.latency import TRANSITION, WAKE
from benchmarks.workloads.maps import MAP
from benchmarks.workloads.payloads import PAYLOAD
from benchmarks.workloads.processes import DIAMONDS_BY, SINGLES_BY
from benchmarks.workloads.starts import COMMIT, START
from benchmarks.workloads.throughput import DIAMONDS, SINGLES
from benchmarks.workloads.validated import VALIDATED

CONTENDERS: Final = ("pgflow", "absurd", "dbos", "pgflow_ts", "procrastinate", "pgqueuer")
"""Modules of `benchmarks.contenders`; a name with a dot is a module elsewhere."""

LOOK: Final = ("diamonds", "singles", "transition", "start", "validated", "sql_alone")
"""Measured by `--quick` where no workload is named: what fits into two minutes with all peers."""

OWN: Final[Sequence[Benchmark]] = (
    sql_alone.BENCHMARK,
    startup.BENCHMARK,
    validation.BENCHMARK,
    compilation.BENCHMARK,
)
"""What is of ours alone, and brings figures and goals of its own."""


_ROUNDS: Final = {startup.BENCHMARK.slug: 1}
"""A round of it holds many starts of each process, so one will do."""


def _workload(one: Benchmark) -> Workload:
    def measure(bench: Bench, trial: Trial) -> Taken:
        del trial
        return Taken(figures=one.run_round(bench))

    return Workload(
        slug=one.slug,
        about=one.about,
        needs="",
        figures={name: unit for name, (unit, _) in one.figures.items()},
        cases=(Case(size=1, quick=1, least=1),),
        measure=measure,
        only=(OURS,),
        seconds=0,
        most_rounds=_ROUNDS.get(one.slug),
    )


WORKLOADS: Final[Sequence[Workload]] = (
    DIAMONDS,
    SINGLES,
    TRANSITION,
    WAKE,
    IDLE,
    MAP,
    COMMIT,
    START,
    PAYLOAD,
    VALIDATED,
    DIAMONDS_BY,
    SINGLES_BY,
    *(_workload(one) for one in OWN),
    HELD_OPEN,
    HISTORY,
)
