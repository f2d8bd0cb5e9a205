"""What every part of the suite speaks of: where it runs, what is measured, what it should reach."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_manifest import Manifest

FLOWS_DIR = Path(__file__).parent / "flows"
OURS = "pgflow"

_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where it runs, and how large."""

    server: EmbeddedPostgres
    manifest: Manifest
    """Of our own flows."""
    quick: bool
    """Sizes for a look of some minutes; the figures of record are taken without it."""
    scale: float = 1.0
    """What sizes and durations are multiplied with; below 1 to see that everything runs."""
    templates: Mapping[str, str] = field(default_factory=dict[str, str])
    """The database to clone for each contender."""

    @contextmanager
    def database(self, contender: str = OURS) -> Generator[str]:
        """Lend the URL of a fresh database that has the engine in it; dropped after."""
        name = f"round_{next(_numbers)}"
        with psycopg.connect(self.server.url(), autocommit=True) as admin:
            create_database(admin, name, self.templates.get(contender, "template1"))
            # The checkpoint of one round must not fall into the next.
            admin.execute("checkpoint")
            try:
                yield self.server.url(name)
            finally:
                admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def create_database(admin: psycopg.Connection, name: str, template: str) -> None:
    """Clone *template*."""
    admin.execute(
        sql.SQL("create database {} template {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


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


Round = Mapping[str, float]
"""The figures of one round by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One thing to measure of ours alone."""

    slug: str
    about: str
    figures: Mapping[str, tuple[str, Goal | None]]
    """Unit and goal of each figure by name."""
    run_round: Callable[[Bench], Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One size, or one way, of a workload."""

    name: str = ""
    size: int
    """Runs or items, of the figures of record."""
    quick: int
    """The same for a look: what a slow peer does in about two seconds."""
    options: Mapping[str, str | int | float] = field(default_factory=dict[str, "str | int | float"])
    """Further arguments of the contender's process."""
    least: int = 10
    """What calibration never goes below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One measurement to take."""

    contender: str
    module: str
    case: Case
    size: int
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a trial gave."""

    figures: Round
    raw: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else is worth keeping: the contender's answer, what the server counted."""
    seconds: float = 0.0
    """How long the contender was at it; calibration needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One thing to measure, of every contender that can do it."""

    slug: str
    about: str
    needs: str
    """What a contender must be able to do, of `benchmarks.contenders.contender.WORKLOADS`."""
    figures: Mapping[str, str]
    """Unit of each figure by name."""
    cases: Sequence[Case]
    measure: Callable[[Bench, Trial], Taken]
    only: Sequence[str] = ()
    """The contenders that it is about, where not about all."""
    seconds: float = 6.0
    """How long one measurement should take: slow contenders get smaller sizes; 0: all the same."""
    one_size: bool = False
    """Whether a contender has the same size in every case, because the cases are compared."""
    most_rounds: int | None = None
