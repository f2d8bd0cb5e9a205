"""Make a runtime type of what was inferred: the way back from the manifest.

Objects, that is dicts whose keys are known, become TypedDicts; classes are looked up in the modules
as they are loaded in this process, which need no type checker for it. The names of the TypedDicts
follow from where they are: `Merge` for the result of step `merge`, `MergeOwner` for its key
`owner`, `MergeTagsItem` for the items of its list `tags`. One member of an enum is a Literal where
its values are text or numbers by themselves (StrEnum, IntEnum), else the whole enum. Next:
`json_type.py`, which judges the types made here like any others.
"""

import datetime as dt
import importlib
import re
import sys
import typing
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NotRequired, Union, cast

import typing_extensions

from pgflow_dsl.importer import PREFIX
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

_SCALARS: Final[Mapping[str, type]] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "datetime": dt.datetime,
    "date": dt.date,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "uuid": uuid.UUID,
    "decimal": Decimal,
}
_COLLECTIONS: Final[Mapping[str, Any]] = {"list": list, "set": set, "frozenset": frozenset}


class VanishedError(Exception):
    """The shape names something that its module does not have (any more)."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"{name}: {why}")


def annotation_from(shape: Shape, *, title: str, home: Mapping[str, Any]) -> Any:
    """Return the runtime type that *shape* stands for.

    Args:
        shape: what was inferred.
        title: the name of the TypedDict if it is an object; see `object_title`.
        home: the globals of the module of the handler. Names of that module are taken from here,
            since another folder of that name may be loaded by now.

    Raises:
        VanishedError: a module or a name in it does not exist, or takes no arguments.
    """
    return _Maker(home).make(shape, title)


def object_title(*words: str) -> str:
    """Return the name of the TypedDict for an object: the words of slug and keys, in CamelCase."""
    parts = [part for word in words for part in re.split(r"[^0-9a-zA-Z]+", word)]
    name = "".join(part[:1].upper() + part[1:] for part in parts)
    return name if name.isidentifier() else f"Object{name}"


class _Maker:
    def __init__(self, home: Mapping[str, Any]) -> None:
        self._home = home
        self._titles: set[str] = set()

    def make(self, shape: Shape, title: str) -> Any:
        match shape:
            case NoneShape():
                return type(None)
            case ScalarShape():
                return _SCALARS[shape.name]
            case LiteralShape():
                return _literal(shape.values)
            case EnumMemberShape():
                return self._enum_member(shape)
            case ClassShape():
                return self._class(shape, title)
            case CollectionShape():
                items = self.make(shape.items, f"{title}Item")
                if shape.kind == "tuple":
                    return tuple.__class_getitem__((items, Ellipsis))
                return _COLLECTIONS[shape.kind][items]
            case FixedTupleShape():
                return tuple.__class_getitem__(self._all(shape.items, title))
            case MapShape():
                keys, values = self.make(shape.keys, title), self.make(shape.values, f"{title}Item")
                return dict.__class_getitem__((keys, values))
            case ObjectShape():
                return self._object(shape, title)
            case UnionShape():
                return Union[self._all(shape.members, title)]  # noqa: UP007 - built at run time

    def _all(self, shapes: Sequence[Shape], title: str) -> tuple[Any, ...]:
        return tuple(self.make(shape, title) for shape in shapes)

    def _class(self, shape: ClassShape, title: str) -> Any:
        found = self._named(shape.module, shape.name)
        if not shape.arguments:
            return found
        try:
            return found[self._all(shape.arguments, title)]
        except TypeError as error:
            raise VanishedError(f"{shape.module}.{shape.name}", str(error)) from error

    def _enum_member(self, shape: EnumMemberShape) -> Any:
        cls = self._named(shape.module, shape.name)
        member = _attribute(cls, shape.member, shape.module, shape.name)
        # Of others pydantic cannot read a literal back: see exact_json.py.
        return _literal([member]) if isinstance(member, str | int) else cls

    def _object(self, shape: ObjectShape, title: str) -> Any:
        title = self._unused(title)
        fields: dict[str, Any] = {}
        for name, field in shape.fields.items():
            annotation = self.make(field.type, object_title(title, name))
            fields[name] = annotation if field.required else NotRequired[annotation]
        made: Any = typing_extensions.TypedDict(title, fields)  # type: ignore[misc]  # fields known now only
        made.__module__ = self._home.get("__name__", __name__)
        return made

    def _unused(self, title: str) -> str:
        """Return *title*, with a number when another object of the same result has it."""
        unused, number = title, 1
        while unused in self._titles:
            number += 1
            unused = f"{title}{number}"
        self._titles.add(unused)
        return unused

    def _named(self, module: str, name: str) -> Any:
        first, _, rest = name.partition(".")
        try:
            found = self._module(module)[first]
        except KeyError:
            raise VanishedError(f"{module}.{name}", f"{module} has no {first!r}") from None
        for attribute in rest.split(".") if rest else ():
            found = _attribute(found, attribute, module, name)
        return found

    def _module(self, name: str) -> Mapping[str, Any]:
        name = self._as_loaded_here(name)
        if name == self._home.get("__name__"):
            return self._home
        if (loaded := sys.modules.get(name)) is None:
            try:
                loaded = importlib.import_module(name)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                raise VanishedError(name, f"it cannot be imported: {why}") from error
        return vars(loaded)

    def _as_loaded_here(self, name: str) -> str:
        """Return the name of a module whose folder goes by another name in this process.

        The importer prefixes the name where somebody else has it, which depends on the machine.
        """
        here = str(self._home.get("__name__", "")).partition(".")[0]
        top, dot, rest = name.partition(".")
        if top.removeprefix(PREFIX) == here.removeprefix(PREFIX):
            return f"{here}{dot}{rest}"
        return name


def _attribute(found: Any, attribute: str, module: str, name: str) -> Any:
    try:
        return getattr(found, attribute)
    except AttributeError:
        raise VanishedError(f"{module}.{name}", f"it has no {attribute!r}") from None


def _literal(values: Sequence[object]) -> Any:
    return cast("Any", typing.Literal)[tuple(values)]
