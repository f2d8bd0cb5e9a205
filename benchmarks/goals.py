"""What we promise ourselves, and whether a call of the suite shows it.

A goal is about one figure of ours, or about the ratio of two. Where peers have the same figure, the
best of them in the same call stands beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.measure import Goal
from benchmarks.results import Results

Value = Callable[[Results], float | None]
_STEPS: Final = ("diamonds", "", "steps")
_RUNS: Final = ("singles", "", "runs")
_P50: Final = ("transition", "", "p50")
_P99: Final = ("transition", "", "p99")
_MAP_10K: Final = ("map", "10,000 items", "items")
_MAP_100K: Final = ("map", "100,000 items", "items")
_MEMORY: Final = "largest memory of the worker"
_BULK: Final = ("start", "bulk", "runs")
_ONE_BY_ONE: Final = ("start", "one by one", "runs")
_COMMIT: Final = ("commit", "", "commits")
_IDLE: Final = ("idle", "", "transactions of one worker")
_WAKE: Final = ("wake", "", "p50")
_EMPTY: Final = ("history", "no runs", "steps")
_FULL: Final = ("history", "5,000,000 runs", "steps")
_ONE_WORKER: Final = ("processes", "1 worker")
_FOUR_WORKERS: Final = ("processes", "4 workers")
_SERVER_CPU: Final = "processor of the server"

Key = tuple[str, str, str]
"""Workload, case, figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One goal."""

    what: str
    unit: str
    goal: Goal
    value: Value
    figure: Key | None = None
    """Of which the best peer is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A goal, and what was measured."""

    line: Line
    ours: float | None
    best_peer: str = ""
    best: float | None = None

    @property
    def times(self) -> float | None:
        """How many times as good as the best peer, where there is one."""
        if self.ours is None or not self.best or not self.ours:
            return None
        return self.ours / self.best if self.line.goal.at_least else self.best / self.ours

    @property
    def is_reached(self) -> bool | None:
        """Whether it is reached; None where it was not measured."""
        return None if self.ours is None else self.line.goal.is_reached(self.ours)


def judge(results: Results) -> list[Judged]:
    """Hold every goal against what was measured."""
    return [_judge(line, results) for line in LINES]


def _judge(line: Line, results: Results) -> Judged:
    ours = line.value(results)
    best = None if line.figure is None else _best_peer(results, line.figure, line.goal.at_least)
    if best is None:
        return Judged(line=line, ours=ours)
    return Judged(line=line, ours=ours, best_peer=best[0], best=best[1])


def _best_peer(results: Results, figure: Key, at_least: bool) -> tuple[str, float] | None:
    peers = results.peers(*figure).items()
    if not peers:
        return None
    best = (max if at_least else min)(peers, key=lambda peer: peer[1])
    return results.title(best[0]), best[1]


def _of(value: Value | Key) -> tuple[Value, Key | None]:
    """Return a figure as a function of the results, and the figure that peers have, too."""
    if callable(value):
        return value, None
    return _value(value), value


def _value(figure: Key) -> Value:
    return lambda results: results.median(*figure)


def _ratio(figure: Key, of: Key, of_contender: str = "pgflow") -> Value:
    def value(results: Results) -> float | None:
        upper, lower = results.median(*figure), results.median(*of, of_contender)
        return None if upper is None or not lower else upper / lower

    return value


def _kept_with_history(results: Results) -> float | None:
    # a look has far fewer runs than the cases are called after
    return None if results.quick or results.scale != 1 else _ratio(_FULL, _EMPTY)(results)


def _ahead(figure: Key, at_least: bool, peer: str | None = None) -> Value:
    """Return how many times as good as the best peer, or as one of them, we are."""

    def value(results: Results) -> float | None:
        peers = results.peers(*figure)
        if peer is not None:
            peers = {name: value for name, value in peers.items() if name == peer}
        ours = results.median(*figure)
        if not peers or not ours or not max(peers.values()):
            return None
        return ours / max(peers.values()) if at_least else min(peers.values()) / ours

    return value


def _lines() -> Iterator[Line]:
    def line(
        what: str, unit: str, goal: float, value: Value | Key, *, at_least: bool = True
    ) -> Line:
        function, figure = _of(value)
        return Line(
            what=what,
            unit=unit,
            goal=Goal(value=goal, at_least=at_least),
            value=function,
            figure=figure,
        )

    yield line("diamonds, one worker", "steps/s", 13_000, _STEPS)
    yield line("… against the best peer", "times", 10, _ahead(_STEPS, at_least=True))
    yield line("diamonds, SQL alone", "steps/s", 20_000, ("sql_alone", "", "diamond steps"))
    yield line("one transition, p50", "ms", 1.5, _P50, at_least=False)
    yield line("… against the best peer", "times", 1, _ahead(_P50, at_least=False))
    yield line("one transition, p99", "ms", 4, _P99, at_least=False)
    yield line("… against the best peer", "times", 1, _ahead(_P99, at_least=False))
    yield line("runs of one step, one worker", "runs/s", 15_000, _RUNS)
    yield line("… against PgQueuer", "times", 1, _ahead(_RUNS, at_least=True, peer="pgqueuer"))
    yield line("map of 10,000 items", "items/s", 15_000, _MAP_10K)
    yield line("map of 100,000 against 10,000, rate", "times", 0.8, _ratio(_MAP_100K, _MAP_10K))
    yield line(
        *("map of 100,000 against 10,000, memory of the worker", "times", 1.2),
        _ratio((*_MAP_100K[:2], _MEMORY), (*_MAP_10K[:2], _MEMORY)),
        at_least=False,
    )
    yield line("starts in bulk", "runs/s", 40_000, _BULK)
    yield line(
        *("starts one by one, against what the server can commit", "times", 0.8),
        _ratio(_ONE_BY_ONE, _COMMIT, "server"),
    )
    yield line("diamonds, 5 M runs of history against none", "times", 0.9, _kept_with_history)
    yield line(
        *("diamonds, 4 workers against 1", "times", 1),
        _ratio((*_FOUR_WORKERS, "steps"), (*_ONE_WORKER, "steps")),
    )
    yield line(
        *("server's processor per step, 4 workers against 1", "times", 1.2),
        _ratio((*_FOUR_WORKERS, _SERVER_CPU), (*_ONE_WORKER, _SERVER_CPU)),
        at_least=False,
    )
    yield line(
        *("lost by validating results of ten fields", "%", 10, _value(("validated", "", "lost"))),
        at_least=False,
    )
    yield line("transactions of one idle worker", "1/s", 1, _IDLE, at_least=False)
    yield line("an idle worker wakes, p50", "ms", 5, _WAKE, at_least=False)
    yield line("log per step", "bytes", 1_070, ("sql_alone", "", "log per step"), at_least=False)
    yield line(
        *("import pgflow_client, over bare Python", "ms", 80),
        _value(("startup", "", "import pgflow_client, wall")),
        at_least=False,
    )
    yield line(
        *("pgflow --help, over bare Python", "ms", 200),
        _value(("startup", "", "pgflow --help, wall")),
        at_least=False,
    )


LINES: Final = tuple(_lines())
