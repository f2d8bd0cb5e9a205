"""Prove by trial that JSON tells the values of a type apart.

In `UUID | str` both are written as text, and a text that looks like a UUID would come back as one;
an enum member that is `(1, 2)` would not come back at all. No rule about types covers what pydantic
does with every pair, so a few values are written and read. Only results are tried: a payload is
never written. Next: `json_type.py`.
"""

import collections
import dataclasses
import datetime as dt
import enum
import ipaddress
import pathlib
import typing
import uuid
import warnings
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter

from pgflow_dsl.types.annotations import (
    class_of,
    field_types,
    has_fields,
    is_typed_dict,
    is_union,
    peel,
    shown,
)
from pgflow_dsl.types.exact_json import InexactTypeError
from pgflow_dsl.types.walk import walk

_SAMPLES: Mapping[type, Any] = {
    type(None): None,
    bool: True,
    int: 1,
    float: 1.5,
    str: "a",
    Decimal: Decimal(1),
    uuid.UUID: uuid.UUID(int=1),
    dt.datetime: dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    dt.date: dt.date(2026, 1, 2),
    dt.time: dt.time(3, 4, 5),
    dt.timedelta: dt.timedelta(seconds=5),
    pathlib.Path: pathlib.Path("a"),
    ipaddress.IPv4Address: ipaddress.IPv4Address(1),
    ipaddress.IPv6Address: ipaddress.IPv6Address(1),
}
_DEEPEST = 3


def refuse_ambiguous(annotation: Any) -> None:
    """Refuse enums, keys and unions of which a value does not come back as what it was.

    Raises:
        InexactTypeError: with the value.
    """
    for node in walk(annotation):
        if node.is_customised or node.is_repeated:
            continue
        cls = class_of(node.annotation)
        arguments = get_args(node.annotation)
        if is_union(node.annotation):
            members = [member for member in arguments if member is not type(None)]
            if len(members) > 1:
                _try(node.annotation, members)
        elif cls is not None and issubclass(cls, enum.Enum):
            _try(cls, [cls])
        elif cls is not None and issubclass(cls, Mapping) and len(arguments) == 2:
            _try_keys(arguments[0])


def _try_keys(annotation: Any) -> None:
    key, _ = peel(annotation)
    cls = class_of(key)
    if is_union(key):
        _try(_mapping_of(key), [_mapping_of(member) for member in get_args(key)])
    elif get_origin(key) is typing.Literal or (cls is not None and issubclass(cls, enum.Enum)):
        _try(_mapping_of(key), [_mapping_of(key)])


def _mapping_of(key: Any) -> Any:
    return dict.__class_getitem__((key, int))


def _try(annotation: Any, members: list[Any]) -> None:
    """Try values of every member, and the values that others read from the same JSON."""
    whole = TypeAdapter[Any](annotation)
    adapters = [TypeAdapter[Any](member) for member in members]
    for member, writer in zip(members, adapters, strict=True):
        for sample in _samples(member):
            _try_value(annotation, whole, sample)
            text = _written(writer, sample)
            for reader in adapters:
                try:
                    twin = reader.validate_json(text)
                except ValueError:
                    continue
                _try_value(annotation, whole, twin)


def _try_value(annotation: Any, whole: TypeAdapter[Any], value: Any) -> None:
    text = _written(whole, value)
    try:
        back = whole.validate_json(text)
        comes_back_as = repr(back)
    except ValueError:
        back, comes_back_as = None, "nothing"
    if type(back) is not type(value) or back != value:
        raise InexactTypeError(
            f"{value!r} of `{shown(annotation)}` is written as {text.decode()} and comes back as "
            f"{comes_back_as}",
            "use types that differ in JSON, such as models that each have a field "
            "`kind: Literal[...]`, and text for enum values and keys",
        )


def _written(adapter: TypeAdapter[Any], value: Any) -> bytes:
    with warnings.catch_warnings():
        # A value that its type does not hold is noticed when it comes back.
        warnings.simplefilter("ignore")
        return adapter.dump_json(value, by_alias=True)


def _samples(annotation: Any, depth: int = 0) -> list[Any]:
    """Return some values of a type; none where nothing simple can be made."""
    peeled, metadata = peel(annotation)
    cls, arguments = class_of(peeled), get_args(peeled)
    if peeled is None:
        return [None]
    if depth > _DEEPEST or metadata:
        return []
    if is_union(peeled):
        return [sample for member in arguments for sample in _samples(member, depth + 1)[:1]]
    if get_origin(peeled) is typing.Literal:
        return list(arguments)
    if cls is None:
        return []
    if issubclass(cls, enum.Enum):
        return list(cls)
    if cls in _SAMPLES:
        return [_SAMPLES[cls]]
    if has_fields(cls):
        return list(_objects(peeled, cls, depth))
    return _containers(cls, arguments, depth)


def _containers(cls: Any, arguments: tuple[Any, ...], depth: int) -> list[Any]:
    inside = [_samples(argument, depth + 1) for argument in arguments if argument is not Ellipsis]
    if cls is tuple and arguments and arguments[-1] is not Ellipsis:
        return [tuple(samples[0] for samples in inside)] if all(inside) else []
    if cls in (list, tuple, set, frozenset, collections.deque):
        return [cls(), *(cls(samples[:1]) for samples in inside if samples)]
    if cls is dict and len(inside) == 2 and inside[1]:
        return [{key: inside[1][0]} for key in inside[0]]
    return []


def _objects(annotation: Any, cls: Any, depth: int) -> Iterator[Any]:
    """Yield a value with every field, and one with those that must be there."""
    fields = {name: _samples(part, depth + 1) for name, part in field_types(annotation).items()}
    every = {name: samples[0] for name, samples in fields.items() if samples}
    adapter = TypeAdapter[Any](annotation)
    for names in (every.keys(), every.keys() & _required(cls)):
        try:
            yield adapter.validate_python(
                {name: every[name] for name in names}, by_name=True, by_alias=False
            )
        except Exception:  # noqa: S112 - validators may raise anything: then no sample
            continue


def _required(cls: Any) -> set[str]:
    if is_typed_dict(cls):
        return set(cls.__required_keys__)
    if "__pydantic_fields__" in vars(cls):
        return {name for name, item in cls.__pydantic_fields__.items() if item.is_required()}
    if dataclasses.is_dataclass(cls):
        none = dataclasses.MISSING
        return {
            item.name
            for item in dataclasses.fields(cls)
            if item.default is none and item.default_factory is none
        }
    return set(field_types(cls)) - set(cls._field_defaults)
