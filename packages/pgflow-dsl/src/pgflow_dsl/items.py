"""Check which arguments of a handler take an item: some under `@flow.map`, none under `@flow.step`.

Checkers cannot see it, since to them an item has the type that it has. Next: `handlers.py`, which
calls this, and `types/items.py`, which makes sure that what a map goes over is a list.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgflow_dsl.location import Location
from pgflow_dsl.source import Source
from pgflow_manifest import HandlerSignatureError, StepKind

_ONCE: Mapping[StepKind, str] = {"single": "step", "failure": "on_failure"}


def check_items(sources: Mapping[str, Source], kind: StepKind, location: Location) -> None:
    """Refuse items that do not go with the *kind* of the step, and items of more than one list.

    Args:
        sources: by parameter name; without the context.
        kind: of the step.
        location: of the handler.

    Raises:
        HandlerSignatureError: says which argument, and what to write.
    """
    lists = {name: source.over for name, source in sources.items() if source.over is not None}
    if kind == "map" and not lists:
        raise location.error(
            HandlerSignatureError,
            "no argument of the map step takes an item",
            hint="write `item: T = <step>.each` or `item: T = each[flow.payload.<list>]`; a "
            "handler that is to run once belongs under `@flow.step`",
        )
    for name, over in lists.items():
        if kind != "map":
            raise location.error(
                HandlerSignatureError,
                f"argument {name!r} takes `{sources[name]}`, an item, but `@flow.{_ONCE[kind]}` "
                "runs the handler once",
                hint=f"write `@flow.map` above the handler, or take the whole list, `{name} = "
                f"{over}`",
                argument=name,
            )
        if over.kind == "each":
            raise location.error(
                HandlerSignatureError,
                f"argument {name!r} takes `{sources[name]}`, an item of an item",
                hint="a map goes over one list: return a flat list from a step before, and go over "
                "that",
                argument=name,
            )
    first = next(iter(lists), "")
    for name, over in lists.items():
        if not over.is_same_as(lists[first]):
            raise location.error(
                HandlerSignatureError,
                f"the arguments {first!r} and {name!r} take items of two lists, `{lists[first]}` "
                f"and `{over}`",
                hint=f"go over one of them and take the other whole, `{name} = {over}`; or put "
                "them together, item by item, in a step before",
                argument=name,
            )
