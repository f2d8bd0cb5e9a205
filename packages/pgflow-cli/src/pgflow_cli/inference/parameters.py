"""Types for un-annotated parameters of helpers, from what they are called with.

A checker takes such a parameter for anything. So the files are shown to it once more, with a copy
of the helper that has the types which the first answers gave, until no call passes anything else.
Nothing is assumed: where some call passes an unknown type, or no value, there is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from pgflow_cli.inference.shapes import holds_never, unite
from pgflow_cli.inference.sources import FunctionNode
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

_MODULES: Final = {"datetime": "datetime", "date": "datetime", "time": "datetime"} | {
    "timedelta": "datetime",
    "uuid": "uuid",
    "decimal": "decimal",
}
_NAMES: Final = {"uuid": "UUID", "decimal": "Decimal"}


class Passed:
    """What the calls of one round pass to un-annotated parameters."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[FunctionNode, str], list[Shape | None]] = {}

    def note(self, function: FunctionNode, name: str, shape: Shape | None) -> None:
        """Take in one argument of one call; None where its type is not known."""
        self._shapes.setdefault((function, name), []).append(shape)

    def united_with(
        self, before: Mapping[tuple[FunctionNode, str], Shape]
    ) -> dict[tuple[FunctionNode, str], Shape]:
        """Return the type of each parameter that every call passes something known to."""
        found = dict(before)
        for key, shapes in self._shapes.items():
            known = [shape for shape in shapes if shape is not None and not holds_never(shape)]
            if len(known) == len(shapes):
                found[key] = unite([*([before[key]] if key in before else []), *known])
            else:
                found.pop(key, None)
        return found


def untyped_parameters(function: FunctionNode) -> Iterator[ast.arg]:
    """Yield the parameters without annotation, those with stars left out."""
    arguments = function.args
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if each.annotation is None:
            yield each


class Annotations:
    """Write shapes as annotations for a checker to read, with the lines that they need before."""

    def __init__(self, count: int = 0) -> None:
        self.lines: list[str] = []
        self.count = count
        self._modules: dict[str, str] = {}

    def text(self, shape: Shape) -> str:
        """Return the annotation; what it needs is added to `lines`."""
        match shape:
            case NoneShape():
                return "None"
            case ScalarShape(name=name):
                module = _MODULES.get(name)
                return f"{self._module(module)}.{_NAMES.get(name, name)}" if module else name
            case LiteralShape(values=values):
                return f"{self._module('typing')}.Literal[{', '.join(map(repr, values))}]"
            case EnumMemberShape():
                return f"{self._module(shape.module)}.{shape.name}"
            case ClassShape(arguments=arguments):
                inside = f"[{', '.join(map(self.text, arguments))}]" if arguments else ""
                return f"{self._module(shape.module)}.{shape.name}{inside}"
            case CollectionShape(kind="tuple", items=items):
                return f"tuple[{self.text(items)}, ...]"
            case CollectionShape(kind=kind, items=items):
                return f"{kind}[{self.text(items)}]"
            case FixedTupleShape(items=items):
                return f"tuple[{', '.join(map(self.text, items)) or '()'}]"
            case MapShape(keys=keys, values=values):
                return f"dict[{self.text(keys)}, {self.text(values)}]"
            case UnionShape(members=members):
                return " | ".join(map(self.text, members))
            case ObjectShape():
                return self._typed_dict(shape)

    def _typed_dict(self, shape: ObjectShape) -> str:
        typing = self._module("typing_extensions")
        fields = ", ".join(
            f"{name!r}: "
            + (self.text(f.type) if f.required else f"{typing}.NotRequired[{self.text(f.type)}]")
            for name, f in shape.fields.items()
        )
        name = self._name()
        self.lines.append(f'{name} = {typing}.TypedDict("{name}", {{{fields}}})')
        return name

    def _module(self, module: str) -> str:
        if module not in self._modules:
            self._modules[module] = self._name()
            self.lines.append(f"import {module} as {self._modules[module]}")
        return self._modules[module]

    def _name(self) -> str:
        self.count += 1
        return f"pgflow_type_{self.count}_"
