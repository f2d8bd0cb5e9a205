"""Place the steps of a flow in layers, each below the steps it waits for.

`drawing.py` draws what is placed here. The method is Sugiyama's: layers by the longest way,
a bead in every layer that a long edge passes, few crossings by medians, then columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pgflow_manifest import topological_order

_GAP = 3
_ROUNDS = 8


@dataclass(slots=True, kw_only=True, eq=False)
class Item:
    """A step in its layer, or a bead: the place where a long edge passes a layer."""

    slug: str | None
    """None for a bead."""
    width: int
    order: float = 0.0
    left: int = 0
    above: "list[Item]" = field(default_factory=list["Item"])
    below: "list[Item]" = field(default_factory=list["Item"])

    @property
    def middle(self) -> int:
        """The column where edges meet it."""
        return self.left + self.width // 2


def layers_of(deps: Mapping[str, Sequence[str]]) -> list[list[Item]]:
    """Return the layers from top to bottom, their items from left to right with columns set."""
    depth: dict[str, int] = {}
    for slug in topological_order(deps):
        depth[slug] = 1 + max((depth[dep] for dep in deps[slug]), default=-1)
    layers: list[list[Item]] = [[] for _ in range(1 + max(depth.values()))]
    items = {slug: Item(slug=slug, width=len(slug) + 4) for slug in deps}
    for slug, item in items.items():
        layers[depth[slug]].append(item)
    for slug in deps:
        _connect(slug, deps, depth, items, layers)
    _order(layers)
    _place(layers)
    return layers


def _connect(
    slug: str,
    deps: Mapping[str, Sequence[str]],
    depth: Mapping[str, int],
    items: Mapping[str, Item],
    layers: list[list[Item]],
) -> None:
    """Join *slug* to its dependents; those far below share one string of beads."""
    dependents = [other for other in deps if slug in deps[other]]
    end = items[slug]
    for layer in range(depth[slug] + 1, 1 + max((depth[d] for d in dependents), default=-1)):
        for dependent in dependents:
            if depth[dependent] == layer:
                _join(end, items[dependent])
        if any(depth[dependent] > layer for dependent in dependents):
            bead = Item(slug=None, width=1)
            layers[layer].append(bead)
            _join(end, bead)
            end = bead


def _join(above: Item, below: Item) -> None:
    above.below.append(below)
    below.above.append(above)


def _order(layers: list[list[Item]]) -> None:
    for layer in layers:
        _number(layer)
    for turn in range(_ROUNDS):
        downwards = turn % 2 == 0
        for layer in layers if downwards else reversed(layers):
            for item in layer:
                neighbours = item.above if downwards else item.below
                if neighbours:
                    item.order = fmean(neighbour.order for neighbour in neighbours)
            layer.sort(key=lambda item: item.order)
            _number(layer)


def _number(layer: list[Item]) -> None:
    # Fractions of the layer, so that layers of different lengths can be compared.
    for index, item in enumerate(layer):
        item.order = (index + 1) / (len(layer) + 1)


def _place(layers: list[list[Item]]) -> None:
    for layer in layers:
        _set_columns(layer, [0] * len(layer))
    for turn in range(_ROUNDS + 1):
        downwards = turn % 2 == 1
        for layer in layers if downwards else reversed(layers):
            wishes: list[int] = []
            for item in layer:
                neighbours = (item.above if downwards else item.below) or item.above or item.below
                middles = [neighbour.middle for neighbour in neighbours] or [item.middle]
                wishes.append(round(fmean(middles)) - item.width // 2)
            _set_columns(layer, wishes)
    leftmost = min(item.left for layer in layers for item in layer)
    for layer in layers:
        for item in layer:
            item.left -= leftmost


def _set_columns(layer: list[Item], wishes: list[int]) -> None:
    """Set the columns near to *wishes*: the mean of pushing to the right and to the left."""
    pushed_right: list[int] = []
    edge: int | None = None
    for item, wish in zip(layer, wishes, strict=True):
        left = wish if edge is None else max(wish, edge)
        pushed_right.append(left)
        edge = left + item.width + _GAP
    pushed_left: list[int] = []
    edge = None
    for item, wish in zip(reversed(layer), reversed(wishes), strict=True):
        left = wish if edge is None else min(wish, edge - item.width - _GAP)
        pushed_left.append(left)
        edge = left
    for item, right, left in zip(layer, pushed_right, reversed(pushed_left), strict=True):
        item.left = (right + left) // 2
