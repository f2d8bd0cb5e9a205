"""The tables that people read: goals first, then every figure of every contender."""

from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks.goals import Judged, judge
from benchmarks.measure import OURS
from benchmarks.results import Missing, Results, spread

_NOT_MEASURED = "-"


def markdown(results: Results) -> str:
    """Return everything as one document."""
    parts = ["## Goals", goals_table(results)]
    for slug, workload in results.workloads.items():
        parts += [f"## {slug}", f"{workload['about']}.", workload_table(results, slug)]
        parts += ["\n".join(_reasons(results, slug))]
    parts += ["## Contenders", *_contenders(results)]
    parts += ["## Measured on", _facts("Machine", results.machine)]
    parts += [_facts("PostgreSQL", results.server)]
    if results.quick or results.scale != 1:
        parts += ["Quick sizes, or few rounds: a look, not figures of record."]
    return "\n\n".join(part for part in parts if part) + "\n"


def goals_table(results: Results) -> str:
    """Return the goals that this call says something about."""
    lines = [
        "| | goal | ours | best peer | times as good | reached |",
        "|---|---:|---:|---|---:|:---:|",
    ]
    asked = [one for one in judge(results) if one.ours is not None or one.best is not None]
    return (
        "\n".join([*lines, *(_goal_row(one) for one in asked)]) if asked else "None was measured."
    )


def _goal_row(one: Judged) -> str:
    ours = _NOT_MEASURED if one.ours is None else f"**{number(one.ours)}** {one.line.unit}"
    best = "" if one.best is None else f"{one.best_peer}, {number(one.best)}"
    times = "" if one.times is None else number(one.times)
    reached = {True: "✓", False: "✗", None: ""}[one.is_reached]
    return f"| {one.line.what} | {one.line.goal} | {ours} | {best} | {times} | {reached} |"


def workload_table(results: Results, slug: str) -> str:
    """Return a row for each figure, and a column for each contender; medians, and their spread."""
    columns = results.contenders_of(slug)
    figures = results.workloads[slug]["figures"]
    lines = [
        "| | unit | " + " | ".join(results.title(name) for name in columns) + " |",
        "|---|---|" + "---:|" * len(columns),
    ]
    for case in [case for case in results.cases(slug) if case or not _has_named(results, slug)]:
        for figure, unit in figures.items():
            cells = [_cell(results, slug, case, figure, name) for name in columns]
            what = ", ".join(part for part in (case, figure) if part)
            lines.append(f"| {what} | {unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _has_named(results: Results, slug: str) -> bool:
    """Whether the workload has cases; what no contender even tried stands under the empty name."""
    return any(results.cases(slug))


def _cell(results: Results, slug: str, case: str, figure: str, contender: str) -> str:
    values = results.values(slug, case, figure, contender)
    if not values:
        kinds = {
            one.kind
            for one in results.missing
            if (one.workload, one.contender) == (slug, contender) and one.case in ("", case)
        }
        return "failed" if "failed" in kinds else "cannot" if kinds else _NOT_MEASURED
    told = number(median(values))
    if contender == OURS:
        told = f"**{told}**"
    return f"{told} ±{spread(values) / 2:.0%}" if len(values) > 1 else told


def _reasons(results: Results, slug: str) -> Iterator[str]:
    """Yield why figures are missing, each reason once."""
    seen: set[tuple[str, str, str]] = set()
    for one in results.missing:
        key = (one.contender, one.case, one.reason)
        if one.workload == slug and key not in seen:
            seen.add(key)
            yield f"- {_reason(results, one)}"


def _reason(results: Results, one: Missing) -> str:
    who = ", ".join(part for part in (results.title(one.contender), one.case) if part)
    what, *lines = one.reason.splitlines() or [""]
    if one.kind == "cannot":
        return f"{who}: cannot: {one.reason}"
    at = f" in round {one.round}" if one.round else ""
    told = "".join(f"\n      {line}" for line in lines)
    return f"{who}: failed{at}: {what}" + (f"\n{told}" if told else "")


def _contenders(results: Results) -> Iterator[str]:
    for about in results.contenders.values():
        if "configuration" in about:
            versions = ", ".join(f"{name} {text}" for name, text in about["versions"].items())
            yield f"**{about['title']}** ({versions}). {about['configuration']}"


def _facts(title: str, facts: Mapping[str, str]) -> str:
    return f"{title}: " + "; ".join(f"{key} {value}" for key, value in facts.items())


def number(value: float) -> str:
    """Return a figure with as many places as one reads."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
