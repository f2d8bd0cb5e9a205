"""Decide whether a value of one type can be handed to an argument of another.

A type checker has already checked this where one is used. This is the second net, for those who
use none: it refuses what is surely wrong and accepts whatever it cannot decide.
"""

import collections.abc
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import typing
import uuid
from typing import Any, cast, get_args, get_origin

from pgflow_dsl.types.annotations import class_of, has_fields, is_typed_dict, is_union, peel

_SOLID: frozenset[type] = frozenset(
    [
        bool,
        int,
        float,
        str,
        bytes,
        type(None),
        uuid.UUID,
        decimal.Decimal,
        dt.datetime,
        dt.date,
        dt.time,
        dt.timedelta,
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        pathlib.Path,
        list,
        dict,
        tuple,
        set,
        frozenset,
    ]
)
"""Classes that are at run time what a type checker sees; pydantic's own types often are not."""

_PROMOTIONS: frozenset[tuple[type, type]] = frozenset([(int, float), (bool, float)])


def fits(source: Any, target: Any) -> bool:
    """Whether a value of type *source* may be taken by an argument of type *target*.

    False only where it is certain: the JSON of the one could not be read as the other, or no type
    checker would let it pass.
    """
    source = _peeled(source)
    target = _peeled(target)
    if source == target:
        return True
    if is_union(source):
        return all(fits(member, target) for member in get_args(source))
    if is_union(target):
        return any(fits(source, member) for member in get_args(target))
    if get_origin(source) is typing.Literal:
        return _literal_fits(source, target)
    if get_origin(target) is typing.Literal:
        return not _is_surely_other(source, _classes_of_literal(target))
    return _class_fits(source, target)


def _peeled(annotation: Any) -> Any:
    peeled, _ = peel(annotation)
    return type(None) if peeled is None else peeled


def _literal_fits(source: Any, target: Any) -> bool:
    if get_origin(target) is typing.Literal:
        return set(get_args(source)) <= set(get_args(target))
    return all(_class_fits(type(value), target) for value in get_args(source))


def _classes_of_literal(literal: Any) -> tuple[type, ...]:
    values: tuple[object, ...] = get_args(literal)
    return tuple(value.__class__ for value in values)


def _is_surely_other(source: Any, classes: tuple[type, ...]) -> bool:
    cls = class_of(source)
    if cls is None or not _is_solid(cls):
        return False
    return not any(issubclass(wanted, cls) for wanted in classes)


def _class_fits(source: Any, target: Any) -> bool:
    given, wanted = class_of(source), class_of(target)
    if given is None or wanted is None:
        return True
    if (given, wanted) in _PROMOTIONS:
        return True
    if given is dt.datetime and wanted is dt.date:
        # A subclass in Python, but the JSON of a datetime cannot be read as a date.
        return False
    if is_typed_dict(given) or is_typed_dict(wanted):
        return _typed_dict_fits(given, wanted)
    if _same_generic(given, wanted):
        return _arguments_fit(source, target)
    if issubclass(given, wanted):
        return _arguments_fit(source, target) if _is_container(wanted) else True
    return not (_is_solid(given) and _is_solid(wanted))


def _typed_dict_fits(given: type, wanted: type) -> bool:
    if is_typed_dict(given) and is_typed_dict(wanted):
        return True
    other = wanted if is_typed_dict(given) else given
    return issubclass(dict, other) or not _is_solid(other)


def _same_generic(given: type, wanted: type) -> bool:
    return given is wanted or _generic_origin(given) is _generic_origin(wanted)


def _generic_origin(cls: type) -> type:
    metadata = cast("dict[str, Any]", getattr(cls, "__pydantic_generic_metadata__", {}))
    return cast("type", metadata.get("origin") or cls)


def _arguments_fit(source: Any, target: Any) -> bool:
    given, wanted = get_args(source), get_args(target)
    if not given or not wanted:
        return True
    if class_of(source) is tuple:
        return _tuple_fits(given, target)
    if len(given) != len(wanted):
        return True
    return all(fits(one, other) for one, other in zip(given, wanted, strict=True))


def _tuple_fits(given: tuple[Any, ...], target: Any) -> bool:
    wanted = get_args(target)
    if class_of(target) is not tuple:
        return len(wanted) != 1 or all(fits(i, wanted[0]) for i in given if i is not Ellipsis)
    if Ellipsis in wanted:
        return all(fits(item, wanted[0]) for item in given if item is not Ellipsis)
    if Ellipsis in given:
        return True
    return len(given) == len(wanted) and all(
        fits(one, other) for one, other in zip(given, wanted, strict=True)
    )


def _is_container(cls: type) -> bool:
    return cls in (list, dict, tuple, set, frozenset) or cls.__module__ == collections.abc.__name__


def _is_solid(cls: type) -> bool:
    if cls in _SOLID or cls.__module__ == collections.abc.__name__:
        return True
    return issubclass(cls, enum.Enum) or has_fields(cls)
