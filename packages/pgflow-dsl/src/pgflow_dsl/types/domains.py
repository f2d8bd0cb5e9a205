"""Which JSON values a part of a payload or result can have, as far as its schema says.

It is never too narrow: where a keyword is not understood, the part may be anything of its type. So
a comparison that is refused here as always true, or never, surely is. Next: `../conditional.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final, Literal, cast

from pgflow_dsl.evaluate import as_decimal, is_equal
from pgflow_dsl.types.in_schema import schemas_at, target_of

Kind = Literal["null", "boolean", "number", "string", "array", "object", "any"]
_KINDS: Final[Mapping[str, Kind]] = {
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
    "array": "array",
    "object": "object",
}
_SIZES: Final[Mapping[Kind, str]] = {"array": "Items", "string": "Length", "object": "Properties"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Some of the values that a part can have, all of one kind."""

    kind: Kind
    listed: tuple[Any, ...] | None = None
    """All of them, where the schema lists them."""
    least: float = -inf
    most: float = inf
    """Bounds of a number, which it may reach."""
    is_whole: bool = False
    """Whether a number has no fraction."""
    shortest: int = 0
    longest: float = inf
    """Bounds of the length of anything else."""
    items: Domain | None = None
    """What the items of an array can be; None where nothing is said."""


Domain = tuple[Values, ...]
ANYTHING: Final[Domain] = (Values(kind="any"),)
ALL_KINDS: Final[Domain] = (
    Values(kind="null", listed=(None,)),
    Values(kind="boolean", listed=(False, True)),
    Values(kind="number"),
    Values(kind="string"),
    Values(kind="array"),
    Values(kind="object"),
)
"""Anything, kind by kind."""


def domain_at(path: Sequence[str | int], schema: Mapping[str, Any]) -> Domain:
    """Return what can stand at *path* in a value that *schema* describes."""
    return tuple(_values(list(schemas_at(schema, schema, path)), schema))


def may_lack(path: Sequence[str | int], schema: Mapping[str, Any]) -> bool:
    """Return whether a value that *schema* describes may have nothing at *path*."""
    return _may_lack(path, schema, schema)


def domain_of(value: Any) -> Domain:
    """Return the domain of a constant."""
    return (Values(kind=kind_of(value), listed=(value,)),)


def without_null(domain: Domain) -> Domain:
    """Return *domain* without null."""
    return tuple(values for values in domain if values.kind != "null")


def length_of(domain: Domain) -> Domain:
    """Return what the length of something of *domain* can be."""
    found: list[Values] = []
    for values in domain:
        if values.kind == "any":
            found += [Values(kind="number", least=0), Values(kind="null")]
        elif values.kind not in _SIZES:
            found.append(Values(kind="null", listed=(None,)))
        elif values.listed is None:
            found.append(Values(kind="number", least=values.shortest, most=values.longest))
        else:
            sizes = tuple(len(value) for value in values.listed)
            found.append(Values(kind="number", listed=sizes))
    return tuple(found)


def kind_of(value: Any) -> Kind:
    """Return the kind of a JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def may_be(values: Values, value: Any) -> bool:
    """Return whether *value*, which is of their kind, may be one of *values*, listed or not."""
    if values.kind == "number":
        number = as_decimal(value)
        if values.is_whole and number != number.to_integral_value():
            return False
        return bool(_bound(values.least) <= number <= _bound(values.most))
    if values.kind in _SIZES:
        return bool(values.shortest <= len(value) <= values.longest)
    return True


def outcomes_of_equality(left: Domain, right: Domain) -> set[bool]:
    """Return whether two operands can be equal, and whether they can be something else."""
    return {outcome for one in left for other in right for outcome in _equality(one, other)}


def outcomes_of_order(op: str, left: Domain, right: Domain) -> set[bool]:
    """Return whether the order *op* can hold between two operands, and whether it can fail to."""
    return {outcome for one in left for other in right for outcome in _order(op, one, other)}


def outcomes_of_containing(whole: Domain, part: Domain) -> set[bool]:
    """Return whether *whole* can contain *part*, and whether it can do without."""
    found: set[bool] = set()
    for values in whole:
        if values.kind == "any":
            found |= {True, False}
        elif values.kind == "string":
            is_text = any(one.kind in ("string", "any") for one in part)
            found |= {True, False} if is_text else {False}
        elif values.kind == "array":
            items = ANYTHING if values.items is None else values.items
            found |= {False} | outcomes_of_equality(items, part)
        else:
            found.add(False)
    return found


def _equality(one: Values, other: Values) -> set[bool]:
    if "any" in (one.kind, other.kind):
        return {True, False}
    if one.kind != other.kind:
        return {False}
    if one.listed is not None and other.listed is not None:
        return {is_equal(left, right) for left in one.listed for right in other.listed}
    if other.listed is None:
        one, other = other, one
    if other.listed is None:
        return {False} if one.least > other.most or other.least > one.most else {True, False}
    return {False} | {True for value in other.listed if may_be(one, value)}


def _order(op: str, one: Values, other: Values) -> set[bool]:
    if "any" in (one.kind, other.kind):
        return {True, False}
    if one.kind != other.kind or one.kind not in ("number", "string"):
        return {False}
    if one.kind == "string" and (one.listed is None or other.listed is None):
        return {True, False}
    holds = _HOLDS[op]
    if one.kind == "string":
        pairs = itertools.product(one.listed or (), other.listed or ())
    else:
        pairs = itertools.product(_numbers(one), _numbers(other))
    return {holds(left, right) for left, right in pairs}


_HOLDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _numbers(values: Values) -> tuple[Any, ...]:
    """Return all that is listed, or the bounds, between which an order changes at most once."""
    if values.listed is not None:
        return tuple(as_decimal(value) for value in values.listed)
    return _bound(values.least), _bound(values.most)


def _bound(value: float) -> Any:
    return value if value in (inf, -inf) else as_decimal(value)


def _may_lack(path: Sequence[str | int], schema: Any, root: Mapping[str, Any]) -> bool:
    if not path:
        return False
    if not isinstance(schema, dict):
        return schema is not False
    node = cast("dict[str, Any]", schema)
    if "$ref" in node:
        return _may_lack(path, target_of(node["$ref"], root), root)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in node:
            return any(_may_lack(path, member, root) for member in node[keyword])
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        prefix = node.get("prefixItems", [])
        part = prefix[key] if key < len(prefix) else node.get("items", True)
        return key >= node.get("minItems", 0) or _may_lack(rest, part, root)
    part = node.get("properties", {}).get(key, True)
    return key not in node.get("required", ()) or _may_lack(rest, part, root)


def _values(schemas: Iterable[Any], root: Mapping[str, Any]) -> Iterator[Values]:
    for found in schemas:
        if not isinstance(found, dict):
            yield Values(kind="any")
            continue
        schema = cast("dict[str, Any]", found)
        if "const" in schema or "enum" in schema:
            listed = [schema["const"]] if "const" in schema else schema["enum"]
            yield from _by_kind(listed)
            continue
        kinds = schema.get("type", "any")
        names = cast("list[str]", kinds if isinstance(kinds, list) else [kinds])
        for name in names:
            for values in _of_kind(_KINDS.get(name, "any"), schema, root):
                is_whole = name == "integer" and "number" not in names
                yield replace(values, is_whole=True) if is_whole else values


def _by_kind(listed: Iterable[Any]) -> Iterator[Values]:
    kinds: dict[Kind, list[Any]] = {}
    for value in listed:
        kinds.setdefault(kind_of(value), []).append(value)
    for kind, values in kinds.items():
        yield Values(kind=kind, listed=tuple(values))


def _of_kind(kind: Kind, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Values]:
    if kind == "null":
        yield Values(kind=kind, listed=(None,))
    elif kind == "boolean":
        yield Values(kind=kind, listed=(False, True))
    elif kind == "number":
        # an exclusive bound counts as one that can be reached: too wide does no harm
        yield Values(
            kind=kind,
            least=schema.get("minimum", schema.get("exclusiveMinimum", -inf)),
            most=schema.get("maximum", schema.get("exclusiveMaximum", inf)),
        )
    elif kind in _SIZES:
        size = _SIZES[kind]
        values = Values(
            kind=kind, shortest=schema.get(f"min{size}", 0), longest=schema.get(f"max{size}", inf)
        )
        if kind == "array" and "items" in schema and "prefixItems" not in schema:
            items = list(schemas_at(schema["items"], root, ()))
            values = replace(values, items=tuple(_values(items, root)))
        yield values
    else:
        yield Values(kind="any")
