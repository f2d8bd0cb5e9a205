"""What the workloads share: one contender, one fresh database, one answer."""

from collections.abc import Sequence
from statistics import quantiles

from benchmarks.child import Done, run_contender
from benchmarks.measure import Bench, Trial


def ask(bench: Bench, trial: Trial, workload: str, size_name: str = "runs") -> Done:
    """Let the contender do a workload in a fresh database of its own."""
    options = {size_name: trial.size, **trial.case.options}
    with bench.database(trial.contender) as url:
        return run_contender(trial.module, workload, url, options)


def seconds_of(done: Done) -> float:
    """Return how long the contender says that it took.

    Raises:
        ValueError: it says that it took no time.
    """
    seconds = float(done.answer["seconds"])
    if seconds <= 0:
        raise ValueError(f"the contender answers {seconds} seconds")
    return seconds


def percentiles(milliseconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(milliseconds) < 2:
        raise ValueError(f"the contender answers {len(milliseconds)} durations")
    found = quantiles(milliseconds, n=100, method="inclusive")
    return found[49], found[98]
