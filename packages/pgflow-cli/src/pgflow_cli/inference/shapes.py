"""Put shapes together: unions, and the widening of lone literals that TypeScript has, too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from pgflow_dsl.source import Item, Part
from pgflow_manifest import (
    ClassShape,
    CollectionShape,
    EnumMemberShape,
    FieldShape,
    FixedTupleShape,
    LiteralShape,
    MapShape,
    NoneShape,
    ObjectShape,
    ScalarShape,
    Shape,
    UnionShape,
)

NEVER: Final = UnionShape.model_construct(kind="union", members=())
"""No value at all: what an empty list holds, and what a function returns that only raises."""


def scalar(name: str) -> ScalarShape:
    """Return the shape of a type without parts."""
    return ScalarShape.model_validate({"name": name})


def members_of(shape: Shape) -> Sequence[Shape]:
    """Return the members of a union, or the shape alone."""
    return shape.members if isinstance(shape, UnionShape) else (shape,)


def unite(shapes: Iterable[Shape]) -> Shape:
    """Return the shape of a value that has one of *shapes*, each told once, None last."""
    members: list[Shape] = []
    literals: dict[tuple[type, str | int | bool], None] = {}
    for shape in shapes:
        for member in members_of(shape):
            if isinstance(member, LiteralShape):
                literals.update({(type(value), value): None for value in member.values})
            elif member not in members:
                members.append(member)
    _add_literals(members, literals)
    members = [member for member in members if not _is_covered(member, members)]
    members.sort(key=lambda member: isinstance(member, NoneShape))
    if len(members) == 1:
        return members[0]
    return UnionShape(members=tuple(members)) if members else NEVER


def _add_literals(
    members: list[Shape], literals: dict[tuple[type, str | int | bool], None]
) -> None:
    names = {member.name for member in members if isinstance(member, ScalarShape)}
    if (bool, True) in literals and (bool, False) in literals and "bool" not in names:
        members.append(scalar("bool"))
        names.add("bool")
    kept = tuple(value for kind, value in literals if kind.__name__ not in names)
    if kept:
        members.append(LiteralShape(values=kept))


def _is_covered(shape: Shape, others: Sequence[Shape]) -> bool:
    """Whether *shape* says nothing that another one does not."""
    if isinstance(shape, EnumMemberShape):
        return ClassShape(module=shape.module, name=shape.name) in others
    if isinstance(shape, CollectionShape) and shape.items == NEVER:
        return any(
            isinstance(other, CollectionShape) and other.kind == shape.kind and other != shape
            for other in others
        )
    if isinstance(shape, ObjectShape) and not shape.fields:
        return any(isinstance(other, MapShape) for other in others)
    return False


def widen(shape: Shape) -> Shape:
    """Return *shape* with a lone literal, beside None or not, made the type it is of."""
    widened: list[Shape] = []
    enums = [member for member in members_of(shape) if isinstance(member, EnumMemberShape)]
    for member in members_of(shape):
        if isinstance(member, LiteralShape) and len(member.values) == 1:
            widened.append(scalar(type(member.values[0]).__name__))
        elif isinstance(member, EnumMemberShape) and len(enums) == 1:
            widened.append(ClassShape(module=member.module, name=member.name))
        else:
            widened.append(member)
    return unite(widened)


def widen_fully(shape: Shape) -> Shape:
    """Return *shape* without any literals: what a list of such values takes."""
    widened: list[Shape] = []
    for member in members_of(shape):
        if isinstance(member, LiteralShape):
            widened += [scalar(type(value).__name__) for value in member.values]
        elif isinstance(member, EnumMemberShape):
            widened.append(ClassShape(module=member.module, name=member.name))
        else:
            widened.append(member)
    return unite(widened)


def without_none(shape: Shape) -> Shape:
    """Return *shape* without None."""
    return unite(member for member in members_of(shape) if not isinstance(member, NoneShape))


def may_be_none(shape: Shape) -> bool:
    """Whether None is among the values."""
    return any(isinstance(member, NoneShape) for member in members_of(shape))


def inside(shape: Shape) -> Sequence[Shape]:
    """Return the shapes of which *shape* is made."""
    match shape:
        case UnionShape():
            return shape.members
        case CollectionShape():
            return (shape.items,)
        case FixedTupleShape():
            return shape.items
        case MapShape():
            return (shape.keys, shape.values)
        case ObjectShape():
            return tuple(field.type for field in shape.fields.values())
        case ClassShape():
            return shape.arguments
        case _:
            return ()


def contents_of(shape: Shape) -> Shape:
    """Return what a dict has as values, by any key, or a list as items."""
    found: list[Shape] = []
    for member in members_of(shape):
        match member:
            case ObjectShape(fields=fields):
                found += [widen_fully(field.type) for field in fields.values()]
            case CollectionShape(items=items):
                found.append(items)
            case MapShape(values=values):
                found.append(values)
            case _:
                continue
    return unite(found)


def holds_object(shape: Shape) -> bool:
    """Whether a dict with known keys is in it."""
    return isinstance(shape, ObjectShape) or any(holds_object(part) for part in inside(shape))


def holds_never(shape: Shape) -> bool:
    """Whether it is, or has in it, what nobody knows the type of, such as the items of `[]`."""
    return shape == NEVER or any(holds_never(part) for part in inside(shape))


def part_of(shape: Shape, parts: Sequence[Part]) -> Shape | None:
    """Return the shape at the end of *parts*; None where a class must be looked into."""
    for part in parts:
        found = [
            _item(member, part.key) if isinstance(part, Item) else None
            for member in members_of(shape)
        ]
        if not found or any(each is None for each in found):
            return None
        shape = unite(each for each in found if each is not None)
    return shape


def item_of_list(shape: Shape) -> Shape | None:
    """Return the shape of the items of a list; None when it may be something else than a list."""
    found = [
        member.items
        for member in members_of(shape)
        if isinstance(member, CollectionShape) and member.kind in ("list", "tuple")
    ]
    return unite(found) if found and len(found) == len(members_of(shape)) else None


def _item(shape: Shape, key: object) -> Shape | None:
    match shape:
        case ObjectShape(fields=fields) if isinstance(key, str) and key in fields:
            field = fields[key]
            return field.type if field.required else None
        case FixedTupleShape(items=items) if isinstance(key, int) and -len(items) <= key < len(
            items
        ):
            return items[key]
        case CollectionShape(kind="list" | "tuple", items=items) if isinstance(key, int):
            return items
        case MapShape(values=values):
            return values
        case _:
            return None


def as_one_object(shape: Shape) -> ObjectShape | None:
    """Return what may be any of a union of objects: what not all of them have may be absent.

    None when something else is among the members.
    """
    members = members_of(shape)
    objects = [member for member in members if isinstance(member, ObjectShape)]
    if not objects or len(objects) < len(members):
        return None
    names = dict.fromkeys(name for each in objects for name in each.fields)
    return ObjectShape(
        fields={
            name: FieldShape(
                type=unite(each.fields[name].type for each in objects if name in each.fields),
                required=all(
                    name in each.fields and each.fields[name].required for each in objects
                ),
            )
            for name in names
        }
    )
