"""What a benchmark gives back, and what it is given. Every benchmark module speaks these types."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

import psycopg
from psycopg import sql

from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import Manifest

FLOWS_DIR = Path(__file__).parent / "flows"
TEMPLATE = "benchmark_template"

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where a benchmark runs, and how large."""

    server: EmbeddedPostgres
    manifest: Manifest
    quick: bool
    """Sizes for a look of a minute or two; the figures of record are taken without it."""

    @contextmanager
    def database(self) -> Generator[str]:
        """Lend the URL of a fresh database that has the engine and the flows; dropped after."""
        name = f"round_{next(_numbers)}"
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            admin.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(name), sql.Identifier(TEMPLATE)
                )
            )
            # The checkpoint of one round must not fall into the next.
            admin.execute("checkpoint")
            try:
                yield self.server.url(name)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the figure should reach on two cores."""

    value: float
    at_least: bool

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:,g}"

    def is_reached(self, value: float) -> bool:
        """Whether *value* is good enough."""
        return value >= self.value if self.at_least else value <= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, measured several times."""

    name: str
    unit: str
    rounds: Sequence[float]
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """The middle of the rounds, which is the figure to quote."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, in parts of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.median if self.median else 0.0


Round = Mapping[str, float]
"""The figures of one round by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One thing to measure; peers come as further modules that make one of these."""

    slug: str
    about: str
    figures: Mapping[str, tuple[str, Goal | None]]
    """Unit and goal of each figure by name."""
    run_round: Callable[[Bench], Round]
