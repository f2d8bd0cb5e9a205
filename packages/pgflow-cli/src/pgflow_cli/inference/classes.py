"""From what the type checker answers to shapes: classes are looked up as they will be at run time.

The checker says where a class is written. What the manifest needs is how to import it, and that it
is there: a worker has no checker, and decodes into the class itself.
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

from pgflow_cli.inference.engine import (
    Answer,
    ClassObject,
    Constant,
    Either,
    Function,
    Instance,
    Never,
    TupleOf,
    Unknown,
)
from pgflow_cli.inference.shapes import NEVER, members_of, scalar, unite
from pgflow_cli.inference.sources import Sources
from pgflow_manifest import (
    ClassShape,
    CollectionShape,
    FixedTupleShape,
    LiteralShape,
    MapShape,
    NoneShape,
    Shape,
)

_SCALARS: Final = {
    ("builtins", "bool"): "bool",
    ("builtins", "int"): "int",
    ("builtins", "float"): "float",
    ("builtins", "str"): "str",
    ("typing", "LiteralString"): "str",
    ("datetime", "datetime"): "datetime",
    ("datetime", "date"): "date",
    ("datetime", "time"): "time",
    ("datetime", "timedelta"): "timedelta",
    ("uuid", "UUID"): "uuid",
    ("decimal", "Decimal"): "decimal",
}
_COLLECTIONS: Final[dict[str, Literal["list", "set", "frozenset"]]] = {
    "list": "list",
    "set": "set",
    "frozenset": "frozenset",
}
AWAITABLE: Final = frozenset({"Coroutine", "Awaitable", "CoroutineType", "Future", "Task"})
_JSON_VALUE: Final = ClassShape(module="pydantic.types", name="JsonValue")
_ANY_JSON: Final = 7
"""How many members `pydantic.JsonValue` has."""
OriginalLine: TypeAlias = Callable[[str, int], int]


class NoShapeError(Exception):
    """There is no exact shape for what the checker answered."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        self.reason = reason
        self.hint = hint
        super().__init__(reason)


class Classes:
    """Makes shapes of answers.

    Args:
        sources: where the files of classes are read.
        original_line: the line of a file that stands at a line of what the checker was shown.
    """

    def __init__(self, sources: Sources, original_line: OriginalLine) -> None:
        self._sources = sources
        self._original_line = original_line
        self._modules = _modules_by_file()

    def shape(self, answer: Answer) -> Shape:
        """Return the shape that *answer* means.

        Raises:
            NoShapeError: it means nothing exact, or nothing that JSON holds.
        """
        match answer:
            case Never():
                return NEVER
            case Constant(value=value):
                return LiteralShape(values=(value,))
            case Either(members=members):
                return _without_expansion(unite(self.shape(member) for member in members))
            case TupleOf(items=[only]):
                return CollectionShape(kind="tuple", items=self.shape(only))
            case TupleOf(items=items):
                return FixedTupleShape(items=tuple(self.shape(item) for item in items))
            case Instance():
                return self._instance(answer)
            case ClassObject(instance=instance):
                return self._alias(instance)
            case Function():
                raise NoShapeError("it is a function, which has no JSON form")
            case Unknown(what=what):
                raise NoShapeError(f"the type checker knows it only as {what}")

    def _instance(self, answer: Instance) -> Shape:
        key = (answer.module, answer.name)
        arguments = answer.arguments
        if key in _SCALARS:
            return scalar(_SCALARS[key])
        if key == ("types", "NoneType"):
            return NoneShape()
        if answer.module == "builtins" and answer.name in _COLLECTIONS and len(arguments) == 1:
            kind = _COLLECTIONS[answer.name]
            return CollectionShape(kind=kind, items=self._inside(answer.name, arguments[0]))
        if key == ("builtins", "dict") and len(arguments) == 2:
            keys, values = (self._inside("dict", argument) for argument in arguments)
            return MapShape(keys=keys, values=values)
        if answer.name in AWAITABLE and answer.module:
            raise NoShapeError("it is a coroutine that nobody awaits", "await it")
        module, name = self._place(answer)
        return self._class(module, name, arguments)

    def _inside(self, name: str, argument: Answer) -> Shape:
        try:
            return self.shape(argument)
        except NoShapeError as error:
            if isinstance(argument, Unknown):
                raise NoShapeError(
                    f"it is a `{name}`, and the type checker does not know what is in it"
                ) from None
            raise NoShapeError(
                error.reason.replace("it is", f"in the `{name}` is", 1), error.hint
            ) from None

    def _class(self, module: str, name: str, arguments: tuple[Answer, ...]) -> Shape:
        found: Any = _find(module, name)
        if found is None:
            raise NoShapeError(f"it is a `{name}` of `{module}`, which is not there at run time")
        wanted = _parameters(found)
        if wanted and not arguments:
            raise NoShapeError(
                f"it is a `{name}`, and the type checker does not know of what",
                f"say it where it is made, as in `{name}[int](...)`",
            )
        return ClassShape(
            module=module,
            name=name,
            arguments=tuple(self._inside(name, argument) for argument in arguments),
        )

    def _alias(self, instance: Instance) -> Shape:
        if (instance.module, instance.name) == ("typing", "TypedDict"):
            raise NoShapeError(
                "it is a dict whose keys are not visible here",
                "return a dict display, a TypedDict, a dataclass or a model",
            )
        module, name = self._place(instance)
        if hasattr(_find(module, name), "__value__"):
            return ClassShape(module=module, name=name)
        raise NoShapeError(f"it is the class `{instance.name}` itself, which has no JSON form")

    def _place(self, instance: Instance) -> tuple[str, str]:
        """Return module and qualified name of a class."""
        if not instance.file:
            return instance.module, instance.name
        module = self._module_of(instance.file)
        line = self._original_line(instance.file, instance.line)
        source = self._sources.of(instance.file)
        names = [] if source is None else list(_names_at(source.tree, line + 1, instance.name))
        name = names[0] if names else instance.name
        if "<locals>" in name:
            raise NoShapeError(
                f"the class `{instance.name}` is defined inside a function, where no worker finds "
                "it",
                "define it at the level of the module",
            )
        return module, name

    def _module_of(self, file: str) -> str:
        key = _key(file)
        if key not in self._modules:
            for name in _names_on_path(file):
                try:
                    module = importlib.import_module(name)
                except Exception:  # noqa: S112 - a module may raise anything
                    continue
                if _key(getattr(module, "__file__", None) or "") == key:
                    self._modules[key] = name
                    break
            else:
                raise NoShapeError(f"its class is in {file}, which no module name leads to")
        return self._modules[key]


def _key(file: str) -> str:
    """Return what a module and its stub have in common."""
    folder, name = os.path.split(os.path.realpath(file))
    return os.path.join(folder, name.partition(".")[0])  # noqa: PTH118 - as text


def _modules_by_file() -> dict[str, str]:
    found: dict[str, str] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            found.setdefault(_key(file), module.__name__)
    return found


def _names_on_path(file: str) -> Iterator[str]:
    path = Path(file).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    for entry in sys.path:
        folder = Path(entry or ".").absolute().parts
        if parts[: len(folder)] == folder and len(parts) > len(folder):
            yield ".".join(parts[len(folder) :])


def _names_at(node: ast.AST, line: int, name: str, prefix: str = "") -> Iterator[str]:
    """Yield the qualified name of the class *name* that is defined at *line*."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef(name=own):
                if own == name and child.lineno == line:
                    yield prefix + own
                yield from _names_at(child, line, name, f"{prefix}{own}.")
            case ast.FunctionDef(name=own) | ast.AsyncFunctionDef(name=own):
                yield from _names_at(child, line, name, f"{prefix}{own}.<locals>.")
            case _:
                yield from _names_at(child, line, name, prefix)


def _find(module: str, name: str) -> object | None:
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return cast("object", found)


def _parameters(found: Any) -> tuple[Any, ...]:
    """Return the type parameters that a class still has."""
    of_model: dict[str, Any] = getattr(found, "__pydantic_generic_metadata__", None) or {}
    parameters: Any = of_model.get("parameters") or getattr(found, "__parameters__", ())
    return tuple(parameters) if hasattr(parameters, "__len__") else ()


def _without_expansion(shape: Shape) -> Shape:
    """Return an alias for what the checker made of it: it shows one level of a recursive one."""
    members = members_of(shape)
    if len(members) == _ANY_JSON and any(
        isinstance(member, CollectionShape) and member.items == _JSON_VALUE for member in members
    ):
        return _JSON_VALUE
    return shape
