"""A flow with a value of every type that docs/types.md promises, and how it is in JSON."""

import dataclasses
import datetime as dt
import enum
import ipaddress
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NotRequired

from pydantic import BaseModel, Field, JsonValue, computed_field, create_model
from typing_extensions import TypeAliasType, TypedDict, TypeVar

from pgflow_dsl import Flow

T = TypeVar("T")
Nested = TypeAliasType("Nested", "int | list[Nested]")
NOON: Final = dt.datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=dt.UTC)
UUID_TEXT: Final = "00000000-0000-0000-0000-000000000001"


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Mood(enum.StrEnum):
    GOOD = "good"


class Model(BaseModel):
    n: int = Field(alias="the-number")
    text: str | None = None


class Page(BaseModel, Generic[T]):
    items: list[T]


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]


@dataclasses.dataclass
class Span:
    start: dt.datetime
    end: dt.datetime | None = None


class Keys(TypedDict):
    n: int
    more: "NotRequired[list[Keys]]"


class Pair(NamedTuple):
    a: int
    b: str = "b"


class Square(BaseModel):
    side: int

    @computed_field
    def area(self) -> int:
        return self.side**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A type, and a value of it as it travels."""

    type: Any
    sent: Any
    """In the payload, as JSON."""
    returned: Any
    """In the result, as JSON."""


def same(type_: Any, document: Any) -> Example:
    return Example(type=type_, sent=document, returned=document)


EXAMPLES: Final[Mapping[str, Example]] = {
    "none": same(None, None),
    "boolean": same(bool, True),
    "integer": same(int, 2**70),
    "number": same(float, 0.1),
    "text": same(str, 'ü \U0001f600 "'),
    "date_and_time": same(dt.datetime, "2026-01-02T12:00:00.000005Z"),
    "day": same(dt.date, "2026-01-02"),
    "clock": same(dt.time, "01:02:03"),
    "duration": same(dt.timedelta, "P1DT2S"),
    "uuid": same(uuid.UUID, UUID_TEXT),
    "decimal": Example(type=Decimal, sent=0.5, returned="0.5"),
    "path": same(Path, "a/b"),
    "ipv4": same(ipaddress.IPv4Address, "10.0.0.1"),
    "ipv6": same(ipaddress.IPv6Address, "::1"),
    "plain_enum": same(Color, "red"),
    "int_enum": same(Level, 1),
    "str_enum": same(Mood, "good"),
    "literal": same(Literal["a", 1, True], 1),
    "literal_member": same(Literal[Level.LOW], 1),
    "list_of": same(list[int], [1, 2]),
    "pair": same(tuple[int, str], [1, "a"]),
    "tuple_of": same(tuple[int, ...], [1, 2, 3]),
    "named_tuple": Example(type=Pair, sent=[1], returned=[1, "b"]),
    "set_of": same(set[int], [1]),
    "frozen_set_of": same(frozenset[str], ["a"]),
    "dict_by_text": same(dict[str, float], {"a": 1.5}),
    "dict_by_number": same(dict[int, str], {"1": "a"}),
    "dict_by_uuid": same(dict[uuid.UUID, int], {UUID_TEXT: 1}),
    "dict_by_enum": same(dict[Color, int], {"blue": 1}),
    "model": Example(type=Model, sent={"the-number": 1}, returned={"the-number": 1, "text": None}),
    "generic_model": same(Page[Model], {"items": [{"the-number": 1, "text": "a"}]}),
    "recursive_model": Example(
        type=Tree,
        sent={"name": "a", "children": [{"name": "b"}]},
        returned={"name": "a", "children": [{"name": "b", "children": []}]},
    ),
    "dataclass": Example(
        type=Span,
        sent={"start": "2026-01-02T12:00:00Z"},
        returned={"start": "2026-01-02T12:00:00Z", "end": None},
    ),
    "typed_dict": same(Keys, {"n": 1, "more": [{"n": 2}]}),
    "computed_field": Example(type=Square, sent={"side": 2}, returned={"side": 2, "area": 4}),
    "discriminated": same(Annotated[Cat | Dog, Field(discriminator="kind")], {"kind": "dog"}),
    "union": same(Cat | Dog | int | None, {"kind": "cat", "lives": 9}),
    "optional": same(Model | None, None),
    "recursive_alias": same(Nested, [1, [2, [3]]]),
    "any_json": same(JsonValue, {"a": [1, None, {"b": 0.5}]}),
}
"""By the slug of the step that returns what it gets."""

PAYLOAD: Final = {slug: example.sent for slug, example in EXAMPLES.items()}
RESULTS: Final = {slug: example.returned for slug, example in EXAMPLES.items()}


def every_type_flow() -> Flow[Any]:
    """Return a flow whose steps take one field of the payload each, and return it."""
    fields: dict[str, Any] = {slug: (example.type, ...) for slug, example in EXAMPLES.items()}
    payload = create_model("EveryType", **fields)
    flow: Flow[Any] = Flow("every_type", payload=payload, client_startable=True)
    for slug, example in EXAMPLES.items():
        _add_step(flow, slug, example.type)
    return flow


def _add_step(flow: Flow[Any], slug: str, type_: Any) -> None:
    def handler(it=getattr(flow.payload, slug)):  # type: ignore[no-untyped-def]  # noqa: B008
        return it

    handler.__annotations__["return"] = type_
    flow.step(slug=slug)(handler)
