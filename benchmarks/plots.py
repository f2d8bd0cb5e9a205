"""Draw what a table does not show: how far apart things are, and what becomes of them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from benchmarks.measure import OURS
from benchmarks.results import Results

_OURS_COLOUR: Final = "#b3261e"
_PEER_COLOURS: Final = ("#4c6a92", "#7a9a6d", "#b08d57", "#7d6b91", "#5f8f96", "#8a8a8a")
_INK: Final = "#555555"


def draw(results: Results, folder: Path, prefix: str = "") -> list[Path]:
    """Write the SVGs that these results have figures for, and return their paths."""
    written: list[Path] = []
    for name, plot in _PLOTS.items():
        figure = _Figure()
        if plot(figure, results):
            path = folder / f"{prefix}{name}.svg"
            figure.save(path)
            written.append(path)
    return written


class _Figure:
    """A figure of matplotlib, which has no types of its own worth the name."""

    def __init__(self) -> None:
        # here, because whoever only reads results needs no plots
        self._matplotlib = cast("Any", import_module("matplotlib"))
        figures = cast("Any", import_module("matplotlib.figure"))
        self._figure = figures.Figure(figsize=(9.5, 4.4), layout="constrained")

    def axes(self, count: int) -> list[Any]:
        found = self._figure.subplots(1, count, squeeze=False)[0]
        for axes in found:
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(colors=_INK)
        return list(found)

    def save(self, path: Path) -> None:
        # text as text, and the same bytes for the same results
        with self._matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pgflow"}):
            self._figure.savefig(path, format="svg", metadata={"Date": None})
        # matplotlib ends lines with blanks
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _colours(results: Results) -> Mapping[str, str]:
    peers = [name for name in results.contenders if name != OURS]
    colours = dict(zip(peers, _PEER_COLOURS * (1 + len(peers) // len(_PEER_COLOURS)), strict=False))
    return {**colours, OURS: _OURS_COLOUR}


def _medians(results: Results, workload: str, case: str, figure: str) -> dict[str, float]:
    found = {name: results.median(workload, case, figure, name) for name in results.contenders}
    return {name: value for name, value in found.items() if value is not None}


def _bars(
    axes: Any, results: Results, values: Mapping[str, float], title: str, unit: str, *, best: Any
) -> None:
    """Draw one bar each, the best on top, on a logarithmic scale, with its figure at its end."""
    colours = _colours(results)
    ordered = sorted(values, key=lambda name: values[name], reverse=best is min)
    bars = axes.barh(
        [results.title(name) for name in ordered],
        [values[name] for name in ordered],
        color=[colours[name] for name in ordered],
    )
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(_no_name)
    axes.bar_label(bars, fmt=_short, padding=3, color=_INK)
    axes.set_xlim(min(values.values()) / 2, max(values.values()) * 6)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(f"{unit} (logarithmic)", color=_INK)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"


def _no_name(value: float, position: int) -> str:
    del value, position
    return ""


def _short_at(value: float, _: int) -> str:
    return _short(value)


def _short_at_some(value: float, position: int) -> str:
    """Name of the ticks between the powers of ten as many as can be read."""
    return _short_at(value, position) if f"{value:e}"[0] in "25" else ""


def _throughput(figure: _Figure, results: Results) -> bool:
    diamonds = _medians(results, "diamonds", "", "steps")
    singles = _medians(results, "singles", "", "runs")
    panels = [
        (values, title, unit)
        for values, title, unit in (
            (diamonds, "Diamonds", "steps/s"),
            (singles, "Runs of one step", "runs/s"),
        )
        if values
    ]
    if not panels:
        return False
    for axes, (values, title, unit) in zip(figure.axes(len(panels)), panels, strict=True):
        _bars(axes, results, values, title, unit, best=max)
    return True


def _transition(figure: _Figure, results: Results) -> bool:
    panels = [
        (values, f"One transition, {figure_name}")
        for figure_name in ("p50", "p99")
        if (values := _medians(results, "transition", "", figure_name))
    ]
    if not panels:
        return False
    for axes, (values, title) in zip(figure.axes(len(panels)), panels, strict=True):
        _bars(axes, results, values, title, "ms", best=min)
    return True


def _scale(figure: _Figure, results: Results) -> bool:
    """Draw what history and further processes do to the rate."""
    history = {
        case.replace("no runs", "none").removesuffix(" runs").replace(",000,000", " M"): value
        for case in results.cases("history")
        if (value := results.median("history", case, "steps")) is not None
    }
    processes = _by_processes(results)
    if not history and not processes:
        return False
    axes = figure.axes(bool(history) + bool(processes))
    if history:
        _draw_history(axes[0], history)
    if processes:
        _draw_processes(axes[-1], results, processes)
    return True


def _draw_history(axes: Any, history: Mapping[str, float]) -> None:
    bars = axes.bar(list(history), list(history.values()), color=_OURS_COLOUR, width=0.6)
    axes.bar_label(bars, fmt=_short, padding=3, color=_INK)
    axes.set_title("pgflow: diamonds", loc="left", fontsize=11)
    axes.set_xlabel("finished runs in the tables", color=_INK)
    axes.set_ylabel("steps/s", color=_INK)


def _draw_processes(
    axes: Any, results: Results, processes: Mapping[str, list[tuple[int, float]]]
) -> None:
    colours = _colours(results)
    for name, points in processes.items():
        axes.plot(
            *zip(*points, strict=True), marker="o", color=colours[name], label=results.title(name)
        )
    _use_log_scale(axes)
    axes.set_xticks(sorted({count for points in processes.values() for count, _ in points}))
    axes.set_title("Worker processes", loc="left", fontsize=11)
    axes.set_xlabel("processes, beside the server", color=_INK)
    axes.set_ylabel("diamond steps/s (queues: runs/s)", color=_INK)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _use_log_scale(axes: Any) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_short_at)
    axes.yaxis.set_minor_formatter(_short_at_some)


def _by_processes(results: Results) -> dict[str, list[tuple[int, float]]]:
    """Return rates by the number of processes; of runs of one step where there are no diamonds."""
    found: dict[str, list[tuple[int, float]]] = {}
    for name in results.contenders:
        for workload in ("processes", "processes_singles"):
            points = [
                (int(case.split()[0]), value)
                for case in results.cases(workload)
                if case and (value := results.median(workload, case, "steps", name)) is not None
            ]
            if points and name not in found:
                found[name] = points
    return found


def _held(figure: _Figure, results: Results) -> bool:
    measured = [one for one in results.measurements if one.workload == "held"]
    if not measured:
        return False
    (axes,) = figure.axes(1)
    colours = _colours(results)
    for one in measured:
        is_held = one.case == "held"
        seconds, rates = zip(*one.raw["points"], strict=True)
        axes.plot(
            *(seconds, rates),
            color=colours[one.contender],
            linestyle="-" if is_held else ":",
            label=f"{results.title(one.contender)}{'' if is_held else ', no transaction held'}",
        )
    _use_log_scale(axes)
    axes.set_title("Runs of one step while a transaction is held open", loc="left", fontsize=11)
    axes.set_xlabel("seconds", color=_INK)
    axes.set_ylabel("runs/s (logarithmic)", color=_INK)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return True


_PLOTS: Final[Mapping[str, Callable[[_Figure, Results], bool]]] = {
    "throughput": _throughput,
    "transition": _transition,
    "scale": _scale,
    "held": _held,
}
