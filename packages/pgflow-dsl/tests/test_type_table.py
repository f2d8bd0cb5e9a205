"""Every supported type: its schemas, and its values as a payload, as a result, as an argument.

The arguments have no annotation, so they are decoded into the type of their source.
"""

import dataclasses
import datetime as dt
import enum
import ipaddress
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import MISSING, BaseModel, Field, TypeAdapter, computed_field
from typing_extensions import TypeAliasType, TypedDict, TypeVar

from pgflow_dsl import Flow

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Model(BaseModel):
    n: int
    text: str | None = None


class Page(BaseModel, Generic[T]):
    items: list[T]


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


class Collections(BaseModel):
    tags: set[str]
    ids: frozenset[uuid.UUID]
    by_number: dict[int, str]
    by_color: dict[Color, Decimal]


Nested = TypeAliasType("Nested", "int | list[Nested]")
NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=dt.UTC)

TABLE: list[tuple[Any, Any, Any]] = [
    (int, 2**70, 2**70),
    (str, 'ü \U0001f600 "', 'ü \U0001f600 "'),
    (None, None, None),
    (float, 0.1, 0.1),
    (bool, True, True),
    (dt.datetime, NOON, "2026-01-02T12:00:00.000005Z"),
    (dt.date, dt.date(2026, 1, 2), "2026-01-02"),
    (dt.time, dt.time(1, 2, 3), "01:02:03"),
    (dt.timedelta, dt.timedelta(days=1, seconds=2), "P1DT2S"),
    (uuid.UUID, uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (Decimal, Decimal("0.10"), "0.10"),
    (Color, Color.RED, "red"),
    (Level, Level.LOW, 1),
    (Path, Path("a/b"), "a/b"),
    (ipaddress.IPv4Address, ipaddress.IPv4Address("10.0.0.1"), "10.0.0.1"),
    (ipaddress.IPv6Address, ipaddress.IPv6Address("::1"), "::1"),
    (list[int], [1, 2], [1, 2]),
    (dict[str, float], {"a": 1.5}, {"a": 1.5}),
    (set[int], {1}, [1]),
    (frozenset[str], frozenset(["a"]), ["a"]),
    (dict[int, str], {1: "a"}, {"1": "a"}),
    (dict[uuid.UUID, int], {uuid.UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
    (dict[Color, int], {Color.BLUE: 1}, {"blue": 1}),
    (Model, Model(n=1), {"n": 1, "text": None}),
    (Page[Model], Page[Model](items=[Model(n=1)]), {"items": [{"n": 1, "text": None}]}),
    (
        Tree,
        Tree(name="a", children=[Tree(name="b")]),
        {"name": "a", "children": [{"name": "b", "children": []}]},
    ),
    (Pet, Cat(lives=3), {"kind": "cat", "lives": 3}),
    (Cat | Dog | None, Dog(), {"kind": "dog"}),
    (Span, Span(start=NOON), {"start": "2026-01-02T12:00:00.000005Z", "end": None}),
    (Keys, {"n": 1, "more": [{"n": 2}]}, {"n": 1, "more": [{"n": 2}]}),
    (Pair, Pair(1, "x"), [1, "x"]),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (tuple[int, ...], (1, 2, 3), [1, 2, 3]),
    (Literal["a", 1, True], 1, 1),
    (Literal[Level.LOW], Level.LOW, 1),
    (Nested, [1, [2, [3]]], [1, [2, [3]]]),
    (
        Collections,
        Collections(
            tags={"a"},
            ids=frozenset([uuid.UUID(int=1)]),
            by_number={1: "a"},
            by_color={Color.RED: Decimal("1.5")},
        ),
        {
            "tags": ["a"],
            "ids": ["00000000-0000-0000-0000-000000000001"],
            "by_number": {"1": "a"},
            "by_color": {"red": "1.5"},
        },
    ),
    (Square, Square(side=2), {"side": 2, "area": 4}),
]
EACH = pytest.mark.parametrize(("annotation", "value", "document"), TABLE)


def flow_of(annotation: Any) -> Flow[Any]:
    """Return a flow that hands a payload of the type through two steps, as it is."""
    flow: Flow[Any] = Flow("table", payload=annotation)

    def first(it=flow.payload):  # type: ignore[no-untyped-def]
        return it

    first.__annotations__["return"] = annotation
    given: Any = flow.step(first)

    def second(it=given.result):  # type: ignore[no-untyped-def]
        return it

    second.__annotations__["return"] = annotation
    flow.step(second)
    return flow


@EACH
def test_a_value_goes_from_the_payload_through_every_step(
    annotation: Any, value: Any, document: Any
) -> None:
    flow = flow_of(annotation)
    for payload in (value, document) if isinstance(document, dict | list) else (value,):
        assert flow.test(payload).results == {"first": value, "second": value}
    first, second = flow.steps.values()
    text = first.encode_result(value)
    assert json.loads(text) == document
    taken = second.decode_args(b'{"it":%b}' % text)["it"]
    assert taken == value
    assert type(taken) is type(value)


@EACH
def test_results_have_the_schema_of_what_is_written_and_payloads_of_what_is_read(
    annotation: Any, value: Any, document: Any
) -> None:
    spec = flow_of(annotation).compile()
    adapter = TypeAdapter[Any](annotation)
    assert spec.payload_schema == adapter.json_schema(mode="validation")
    for step in spec.steps:
        assert step.result_schema == defaults_required(adapter.json_schema(mode="serialization"))
        Draft202012Validator(step.result_schema).validate(document)
    Draft202012Validator(spec.payload_schema).validate(document)


def defaults_required(schema: Any) -> Any:
    """Return *schema* with every property required that has a default: it is always written."""
    if isinstance(schema, list):
        return [defaults_required(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: defaults_required(part) for key, part in schema.items()}
    if isinstance(fields := schema.get("properties"), dict):
        given = schema.get("required", [])
        required = [key for key, part in fields.items() if key in given or "default" in part]
        changed |= {"required": required} if required else {}
    return changed


class Sparse(BaseModel):
    always: int = 1
    never: int | MISSING = MISSING
    sometimes: Annotated[int, Field(exclude_if=lambda value: value == 0)] = 0


class Loose(TypedDict):
    there: int
    perhaps: NotRequired[int]


def test_what_may_be_left_out_of_the_json_is_not_required_in_results() -> None:
    assert flow_of(Sparse).compile().step("first").result_schema["required"] == ["always"]
    assert flow_of(Loose).compile().step("first").result_schema["required"] == ["there"]


def test_a_computed_field_and_a_default_are_required_in_results_only() -> None:
    spec = flow_of(Square).compile()
    assert spec.payload_schema["required"] == ["side"]
    assert spec.step("first").result_schema["required"] == ["side", "area"]
    spec = flow_of(Model).compile()
    assert spec.payload_schema["required"] == ["n"]
    assert spec.step("first").result_schema["required"] == ["n", "text"]
