"""Walk through a type and every type inside it.

Next: `exact_json.py`, which judges what the walk finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import JsonValue

from pgflow_dsl.types.annotations import class_of, config_of, has_fields, parts, peel, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A type found inside another, and the field that holds it."""

    annotation: Any
    """Peeled."""
    field: str | None
    """`Model.field`, None outside of any field."""
    owner: Any = None
    """The class whose field it is."""
    is_customised: bool = False
    """Whether pydantic metadata changes how it is written or read."""
    is_repeated: bool = False
    """Whether it is inside itself, that is, the type is recursive."""


def walk(annotation: Any) -> Iterator[Node]:
    """Yield *annotation* and every type inside it; the fields of a class once."""
    return _walk(annotation, field=None, owner=None, above=(), done=[])


def _walk(
    annotation: Any, *, field: str | None, owner: Any, above: tuple[Any, ...], done: list[Any]
) -> Iterator[Node]:
    if annotation is JsonValue:
        yield Node(annotation=annotation, field=field, owner=owner)
        return
    peeled, metadata = peel(annotation)
    if annotation in above or peeled in above:
        yield Node(annotation=peeled, field=field, owner=owner, is_repeated=True)
        return
    customised = any(
        hasattr(item, "__get_pydantic_core_schema__")
        or hasattr(item, "__get_pydantic_json_schema__")
        for item in metadata
    )
    yield Node(annotation=peeled, field=field, owner=owner, is_customised=customised)
    if customised or peeled in done:
        return
    if has_fields(class_of(peeled)):
        # Models that share models would otherwise take exponential time.
        done.append(peeled)
    for name, part in parts(peeled):
        yield from _walk(
            part,
            field=field if name is None else f"{shown(peeled)}.{name}",
            owner=owner if name is None else peeled,
            above=(*above, annotation, peeled),
            done=done,
        )


def may_hold_non_finite(annotation: Any) -> bool:
    """Whether a value of the type can hold inf or nan, which pydantic would write as null."""
    for node in walk(annotation):
        cls = class_of(node.annotation)
        if node.is_customised or node.annotation is JsonValue:
            return True
        if cls is not None and issubclass(cls, float | Decimal):
            return True
    return False


def is_recursive(annotation: Any) -> bool:
    """Whether values of the type can be nested as deeply as they like."""
    return any(
        node.is_repeated
        or node.is_customised
        or node.annotation is JsonValue
        or config_of(node.annotation).get("extra") == "allow"
        for node in walk(annotation)
    )
