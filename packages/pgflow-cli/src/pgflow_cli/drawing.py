"""Draw the steps of a flow as boxes and lines, for the terminal and for Mermaid.

A map step, which has one task for each item of a list, is marked "(each)", and one that starts only
under a condition "(when)". What else there is to say of steps stands below the drawing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgflow_cli.layout import Item, layers_of
from pgflow_cli.rules_text import rules_of
from pgflow_manifest import FlowSpec, ResultInput, StepSpec, operands_of

_NORTH, _EAST, _SOUTH, _WEST = 1, 2, 4, 8
_LINES = dict(zip(range(16), " ╵╶└╷│┌├╴┘─┴┐┤┬┼", strict=True))
_MERMAID_WORDS = frozenset(
    ["call", "class", "click", "default", "direction", "end", "graph", "style", "subgraph"]
)


def draw(flow: FlowSpec, *, columns: int) -> str:
    """Return the graph of *flow* as text, or a list where *columns* are too few for it."""
    labels = {step.slug: _label(step) for step in flow.steps}
    deps = {labels[step.slug]: [labels[dep] for dep in step.deps] for step in flow.steps}
    drawing = draw_deps(deps, columns=columns)
    rules = {step.slug: "; ".join(told) for step in flow.steps if (told := rules_of(step))}
    width = max(map(len, rules), default=0)
    below = "".join(f"\n{slug.ljust(width)}  {told}" for slug, told in rules.items())
    return f"{drawing}\n{below}" if below else drawing


def draw_deps(deps: Mapping[str, Sequence[str]], *, columns: int) -> str:
    """Return the graph of *deps*, which maps each step to the steps it waits for."""
    layers = layers_of(deps)
    width = max(item.left + item.width for layer in layers for item in layer)
    if width > columns:
        return "\n".join(f"{s} <- {', '.join(d)}" if d else s for s, d in deps.items())
    canvas = _Canvas()
    row = 0
    for upper, lower in zip(layers, [*layers[1:], []], strict=True):
        for item in upper:
            canvas.item(item, row)
        row = canvas.edges(upper, lower, row + 3)
    return canvas.text()


def mermaid(flow: FlowSpec) -> str:
    """Return the graph of *flow* as a Mermaid flowchart.

    Deps for order only are dotted lines, and steps that may be skipped have dashed borders.
    """
    lines = ["flowchart TD"]
    for step in flow.steps:
        left, right = _SHAPES.get("map" if step.over is not None else step.kind, ("[", "]"))
        label = _mermaid_label(step)
        lines.append(f'    {_mermaid_id(step.slug)}{left}"{label}"{right}')
    for step in flow.steps:
        seen = {source.step for source in _sources(step) if isinstance(source, ResultInput)}
        for dep in step.deps:
            arrow = "-->" if dep in seen else "-.->"
            lines.append(f"    {_mermaid_id(dep)} {arrow} {_mermaid_id(step.slug)}")
    skippable = [step.slug for step in flow.steps if step.slug in flow.skippable_slugs]
    if skippable:
        lines.append("    classDef skippable stroke-dasharray: 5 5")
        lines.append(f"    class {','.join(map(_mermaid_id, skippable))} skippable")
    return "\n".join(lines)


def _sources(step: StepSpec) -> Iterator[object]:
    yield from (*step.inputs.values(), step.over, step.until)
    if step.when is not None:
        yield from (operand for _, operand in operands_of(step.when))


def _label(step: StepSpec) -> str:
    kind = "" if step.kind in ("map", "single") else step.kind
    said = [
        kind if step.over is None else f"each {kind}".rstrip(),
        "" if step.when is None else "when",
    ]
    said = [word for word in said if word]
    return f"{step.slug} ({', '.join(said)})" if said else step.slug


def _mermaid_label(step: StepSpec) -> str:
    name = f"{step.slug} (each)" if step.kind == "map" else step.slug
    return "<br/>".join([name, *map(_escaped, rules_of(step))])


def _escaped(text: str) -> str:
    """Return *text* as Mermaid shows it as it is: its escapes are those of HTML, with a hash."""
    return "".join(_ENTITIES.get(letter, letter) for letter in text)


_ENTITIES: Final = {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;"}


_SHAPES: Final = {
    "map": ("[[", "]]"),
    "signal": ("[/", "/]"),
    "sleep": ("([", "])"),
    "flow": ("[\\", "/]"),
    "failure": ("{{", "}}"),
}
"""How Mermaid draws steps of some kinds; all others are boxes."""


def _mermaid_id(slug: str) -> str:
    return f"{slug}_" if slug.lower() in _MERMAID_WORDS else slug


@dataclass(slots=True)
class _Canvas:
    """Lines are kept as directions per cell and owner, so that joins and crossings differ."""

    texts: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    lines: dict[tuple[int, int], dict[object, int]] = field(
        default_factory=dict[tuple[int, int], dict[object, int]]
    )

    def item(self, item: Item, row: int) -> None:
        if item.slug is None:
            for each in range(row, row + 3):
                self._line(each, item.middle, item, _NORTH | _SOUTH)
            return
        rule = "─" * (item.width - 2)
        for offset, text in enumerate((f"┌{rule}┐", f"│ {item.slug} │", f"└{rule}┘")):
            for column, letter in enumerate(text, start=item.left):
                self.texts[row + offset, column] = letter
        if item.below:
            self.texts[row + 2, item.middle] = "┬"
        if item.above:
            self.texts[row, item.middle] = "▼"

    def edges(self, upper: Sequence[Item], lower: Sequence[Item], row: int) -> int:
        """Draw the lines between two layers from *row* on; return the row below them."""
        if not lower:
            return row
        tracks = _tracks(upper)
        height = 1 + max(tracks.values(), default=-1)
        if height == 0:
            height = 1
        for source in upper:
            if not source.below:
                continue
            if source not in tracks:
                for each in range(row, row + height):
                    self._line(each, source.middle, source, _NORTH | _SOUTH)
                continue
            track = row + tracks[source]
            # Sources with the same dependents share a track and are one line.
            owner = tuple(source.below)
            for each in range(row, track):
                self._line(each, source.middle, owner, _NORTH | _SOUTH)
            self._line(track, source.middle, owner, _NORTH)
            columns = [source.middle, *(target.middle for target in source.below)]
            for column in range(min(columns), max(columns)):
                self._line(track, column, owner, _EAST)
                self._line(track, column + 1, owner, _WEST)
            for target in source.below:
                self._line(track, target.middle, owner, _SOUTH)
                for each in range(track + 1, row + height):
                    self._drop(each, target)
        return row + height

    def _drop(self, row: int, target: Item) -> None:
        """Go down to *target*, joining any track on the way that ends there as well."""
        self._line(row, target.middle, target, _NORTH | _SOUTH)

    def _line(self, row: int, column: int, owner: object, directions: int) -> None:
        cell = self.lines.setdefault((row, column), {})
        cell[owner] = cell.get(owner, 0) | directions

    def text(self) -> str:
        cells = {place: _letter(owners) for place, owners in self.lines.items()} | self.texts
        height = 1 + max(row for row, _ in cells)
        width = 1 + max(column for _, column in cells)
        rows = ("".join(cells.get((r, c), " ") for c in range(width)) for r in range(height))
        return "\n".join(row.rstrip() for row in rows)


def _tracks(upper: Sequence[Item]) -> dict[Item, int]:
    """Give each source whose lines bend a row of its own, shared where its dependents are equal.

    A source under whose column another one's line comes down is put above that one, where
    that is possible, so that the two do not run in the same column.
    """
    bent = [item for item in upper if [b.middle for b in item.below] not in ([], [item.middle])]
    groups: dict[tuple[Item, ...], list[Item]] = {}
    for item in bent:
        groups.setdefault(tuple(item.below), []).append(item)
    ordered: list[tuple[Item, ...]] = []
    waiting = dict(groups)
    while waiting:
        free = [
            key for key in waiting if not any(_under(waiting[o], key) for o in waiting if o != key)
        ]
        ordered.append(free[0] if free else next(iter(waiting)))
        del waiting[ordered[-1]]
    return {item: row for row, key in enumerate(ordered) for item in groups[key]}


def _under(sources: Sequence[Item], targets: Sequence[Item]) -> bool:
    """Whether a line down to *targets* would run in the column of one of *sources*."""
    columns = {target.middle for target in targets}
    return any(source.middle in columns for source in sources)


def _letter(owners: Mapping[object, int]) -> str:
    directions = list(owners.values())
    vertical, horizontal = _NORTH | _SOUTH, _EAST | _WEST
    if len(directions) == 2 and set(directions) == {vertical, horizontal}:
        # Two lines that cross without touching: the upright one passes in front.
        return "│"
    union = 0
    for each in directions:
        union |= each
    return _LINES[union]
