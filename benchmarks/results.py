"""All that a call of the suite measured, as it is kept in the raw data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Literal, Self

from benchmarks.measure import OURS

RESULTS_DIR = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement of one contender."""

    workload: str
    case: str
    contender: str
    round: int
    size: int
    figures: Mapping[str, float]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Why a contender has no figure."""

    workload: str
    case: str
    contender: str
    kind: Literal["cannot", "failed"]
    reason: str
    round: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything, in the order in which it was measured."""

    at: str
    quick: bool
    rounds: int
    scale: float
    machine: Mapping[str, str]
    server: Mapping[str, str]
    contenders: Mapping[str, Mapping[str, Any]]
    """What each says of itself, with the versions of its packages; in the order of the tables."""
    workloads: Mapping[str, Mapping[str, Any]]
    """`about`, and the unit of each of the `figures`."""
    measurements: list[Measurement] = field(default_factory=list[Measurement])
    missing: list[Missing] = field(default_factory=list[Missing])

    def values(self, workload: str, case: str, figure: str, contender: str = OURS) -> list[float]:
        """Return what the rounds gave, in their order."""
        return [
            one.figures[figure]
            for one in self.measurements
            if (one.workload, one.case, one.contender) == (workload, case, contender)
            and figure in one.figures
        ]

    def median(self, workload: str, case: str, figure: str, contender: str = OURS) -> float | None:
        """Return the figure to quote, or None where there is none."""
        values = self.values(workload, case, figure, contender)
        return median(values) if values else None

    def peers(self, workload: str, case: str, figure: str) -> dict[str, float]:
        """Return the medians of those that are not ours."""
        found = {
            name: self.median(workload, case, figure, name)
            for name in self.contenders
            if name != OURS
        }
        return {name: value for name, value in found.items() if value is not None}

    def title(self, contender: str) -> str:
        """Return how the tables call a contender."""
        return str(self.contenders.get(contender, {}).get("title", contender))

    def cases(self, workload: str) -> list[str]:
        """Return the cases of a workload, those without any figure included."""
        told: list[Measurement | Missing] = [*self.measurements, *self.missing]
        return list(dict.fromkeys(one.case for one in told if one.workload == workload))

    def contenders_of(self, workload: str) -> list[str]:
        """Return who has figures of a workload, or a reason why not."""
        told: list[Measurement | Missing] = [*self.measurements, *self.missing]
        names = {one.contender for one in told if one.workload == workload}
        return [name for name in self.contenders if name in names]

    def write(self, path: Path) -> None:
        """Write the raw data, with medians and spreads beside them."""
        document = asdict(self) | {"figures": list(self._summary())}
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read raw data that `write` has written."""
        document = json.loads(path.read_text(encoding="utf-8"))
        del document["figures"]
        document["measurements"] = [Measurement(**one) for one in document["measurements"]]
        document["missing"] = [Missing(**one) for one in document["missing"]]
        return cls(**document)

    def _summary(self) -> Iterable[Mapping[str, object]]:
        keys = dict.fromkeys(
            (one.workload, one.case, figure, one.contender)
            for one in self.measurements
            for figure in one.figures
        )
        for workload, case, figure, contender in keys:
            values = self.values(workload, case, figure, contender)
            yield {
                "workload": workload,
                "case": case,
                "figure": figure,
                "unit": self.workloads[workload]["figures"][figure],
                "contender": contender,
                "median": median(values),
                "spread": spread(values),
            }


def spread(values: Sequence[float]) -> float:
    """Return how far the rounds lie apart, in parts of their median."""
    middle = median(values)
    return (max(values) - min(values)) / abs(middle) if middle else 0.0
