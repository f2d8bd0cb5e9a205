"""Types of JSON values as every language can say them; what the emitters of `codegen` read.

A type here admits at least what the JSON Schema admits that it was read from: what cannot be said,
such as ranges and patterns, is left out, and what cannot be said at all is `AnyJson`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

ScalarName: TypeAlias = OneOf["null", "boolean", "integer", "number", "string"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """Null, or any value of one of the plain JSON types."""

    name: ScalarName


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """One of these values, never none; null is a `Scalar`."""

    values: tuple[bool | int | float | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """An array of any length."""

    items: "Type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuple:
    """An array whose first items have types of their own."""

    prefix: "tuple[Type, ...]"
    """Never empty."""
    required: int
    """How many of the prefix are always there."""
    rest: "Type | None"
    """What may follow the prefix; None when nothing may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key of an object."""

    name: str
    """As it is in JSON, whatever characters it has."""
    type: "Type"
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object with known keys. Stands only as the whole type of a declaration."""

    fields: tuple[Field, ...]
    extra: "Type | None"
    """The type of other keys, where the schema speaks of them; None when it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object with any keys, whose values are of one type."""

    values: "Type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """One of at least two types; none of them a union, nor `AnyJson`, nor twice there."""

    members: "tuple[Type, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The type that is declared under this name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyJson:
    """Any JSON value."""


Type: TypeAlias = Scalar | Literal | Array | Tuple | Object | Record | Union | Named | AnyJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A type with a name."""

    name: str
    """An identifier in every language that we emit; in a module it hides nothing."""
    type: Type
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTypes:
    """What goes into a flow and what comes out of it."""

    slug: str
    description: str
    client_startable: bool
    """Whether the role of end users may start runs of it."""
    payload: Type
    results: Mapping[str, Type]
    """What each step returns, by slug, in topological order."""
    signals: Mapping[str, Type]
    """What may be sent to each signal, by slug; without the null of one whose time is over."""
    leaf_slugs: tuple[str, ...]
    """The steps whose results are the run output."""
    identifier: str
    """What the flow itself is called in a module: its slug, unless that is taken."""
    output_name: str
    """A name that is free for the type of the run output, such as `VoiceMemoOutput`."""
    results_name: str
    """A name that is free for the type of all results, such as `VoiceMemoResults`; with `Async`
    before it, it is free as well."""
    signals_name: str
    """A name that is free for the type of all signals, such as `TripsSignals`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """All that a manifest says of types."""

    types: tuple[Declaration, ...]
    """Sorted by name; each is used by some flow."""
    flows: tuple[FlowTypes, ...]
    """Sorted by slug."""


ANY_JSON = AnyJson()
NULL = Scalar(name="null")


def union_of(members: "list[Type]") -> Type:
    """Return the union of *members* in its simplest form; `AnyJson` for none at all."""
    flat: list[Type] = []
    for member in members:
        flat += member.members if isinstance(member, Union) else (member,)
    if not flat or ANY_JSON in flat:
        return ANY_JSON
    # by their text, since Python takes Literal[1] and Literal[True] for equal
    different = {repr(member): member for member in _with_one_literal(flat)}
    kept = [*different.values()]
    if Scalar(name="number") in kept:
        kept = [member for member in kept if member != Scalar(name="integer")]
    return kept[0] if len(kept) == 1 else Union(members=tuple(kept))


def _with_one_literal(members: "list[Type]") -> "list[Type]":
    """Put the values of all literals where the first of them stands."""
    values = {
        repr(value): value
        for member in members
        if isinstance(member, Literal)
        for value in member.values
    }
    joined: list[Type] = []
    for member in members:
        if not isinstance(member, Literal):
            joined.append(member)
        elif values:
            joined.append(Literal(values=tuple(values.values())))
            values = {}
    return joined
