"""Write the inferred type of a result as a person would: Python notation, on one line.

Classes go by their own names, without their modules. A dict whose keys are known reads as the dict
display that it came from: `{"label": str, "day": date}`.
"""

import json
from collections.abc import Iterable
from typing import Final

from pgflow_manifest import (
    ClassShape,
    CollectionShape,
    EnumMemberShape,
    FixedTupleShape,
    LiteralShape,
    MapShape,
    NoneShape,
    ObjectShape,
    ScalarShape,
    Shape,
    UnionShape,
)

_SCALARS: Final = {"uuid": "UUID", "decimal": "Decimal"}
"""Those whose classes are called otherwise."""


def shown_shape(shape: Shape) -> str:
    """Return *shape* in Python notation, such as `list[{"label": str, "day": date}] | None`."""
    match shape:
        case NoneShape():
            return "None"
        case ScalarShape():
            return _SCALARS.get(shape.name, shape.name)
        case LiteralShape():
            return f"Literal[{', '.join(map(shown_value, shape.values))}]"
        case EnumMemberShape():
            return f"Literal[{shape.name}.{shape.member}]"
        case ClassShape():
            return f"{shape.name}[{_joined(shape.arguments)}]" if shape.arguments else shape.name
        case CollectionShape():
            more = ", ..." if shape.kind == "tuple" else ""
            return f"{shape.kind}[{shown_shape(shape.items)}{more}]"
        case FixedTupleShape():
            return f"tuple[{_joined(shape.items) or '()'}]"
        case MapShape():
            return f"dict[{_joined((shape.keys, shape.values))}]"
        case ObjectShape():
            return _shown_object(shape)
        case UnionShape():
            return " | ".join(map(shown_shape, shape.members))


def shown_value(value: str | int | bool) -> str:
    """Return *value* as Python code has it, text in double quotes where it can be."""
    if isinstance(value, str) and value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _joined(shapes: Iterable[Shape]) -> str:
    return ", ".join(map(shown_shape, shapes))


def _shown_object(shape: ObjectShape) -> str:
    entries: list[str] = []
    for name, field in shape.fields.items():
        inside = shown_shape(field.type)
        entries.append(
            f"{shown_value(name)}: {inside if field.required else f'NotRequired[{inside}]'}"
        )
    return f"{{{', '.join(entries)}}}"
