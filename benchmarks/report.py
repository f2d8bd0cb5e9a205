"""Write down what was measured: JSON for later comparison, a Markdown table to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Figure

RESULTS_DIR = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures of one call, with what they were measured on."""

    quick: bool
    machine: Mapping[str, str]
    server: Mapping[str, str]
    figures: Sequence[Figure]

    def markdown(self) -> str:
        """Return the table, and below it machine and settings."""
        lines = [
            "| measured | median | unit | rounds | spread | goal |",
            "|---|---:|---|---|---:|---|",
        ]
        for figure in self.figures:
            rounds = " / ".join(_number(value) for value in figure.rounds)
            reached = ""
            if figure.goal is not None:
                reached = f"{figure.goal} {'✓' if figure.goal.is_reached(figure.median) else '✗'}"
            lines.append(
                f"| {figure.name} | **{_number(figure.median)}** | {figure.unit} | {rounds} | "
                f"{figure.spread:.0%} | {reached} |"
            )
        for title, facts in (("Machine", self.machine), ("PostgreSQL", self.server)):
            lines += [
                "",
                f"{title}: " + "; ".join(f"{key} {value}" for key, value in facts.items()),
            ]
        if self.quick:
            lines += ["", "Quick sizes: a look, not a figure of record."]
        return "\n".join(lines) + "\n"

    def write(self) -> Path:
        """Write both files under one name, and return the path of the table."""
        RESULTS_DIR.mkdir(exist_ok=True)
        now = datetime.now(UTC)
        table = RESULTS_DIR / f"{now:%Y%m%dT%H%M%SZ}{'-quick' if self.quick else ''}.md"
        table.write_text(self.markdown())
        document = {
            "at": now.isoformat(timespec="seconds"),
            "quick": self.quick,
            "machine": dict(self.machine),
            "server": dict(self.server),
            "figures": [
                {
                    "name": figure.name,
                    "unit": figure.unit,
                    "median": figure.median,
                    "rounds": list(figure.rounds),
                    "goal": str(figure.goal) if figure.goal else None,
                }
                for figure in self.figures
            ],
        }
        table.with_suffix(".json").write_text(json.dumps(document, indent=2) + "\n")
        return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
