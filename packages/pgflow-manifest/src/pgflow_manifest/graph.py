"""Order steps so that each stands after the steps it waits for."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter


class CycleFoundError(ValueError):
    """The steps wait for each other in a circle."""

    def __init__(self, cycle: Sequence[str]) -> None:
        self.cycle = tuple(cycle)
        super().__init__(" -> ".join(self.cycle))


def topological_order(deps: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the slugs of *deps* so that every step stands after its deps.

    Steps that are free at the same time keep the order in which *deps* names them, so the same
    flow always gives the same bytes.

    Raises:
        CycleFoundError: with the slugs of one circle, first and last the same.
        KeyError: a dep that is not itself a key; check names first.
    """
    sorter = TopologicalSorter(deps)
    try:
        sorter.prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        raise CycleFoundError(cycle) from None
    position = {slug: index for index, slug in enumerate(deps)}
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=position.__getitem__)
        order.extend(ready)
        sorter.done(*ready)
    return order
