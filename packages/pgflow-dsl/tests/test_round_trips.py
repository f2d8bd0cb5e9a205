"""Results survive the way into JSON and back."""

import dataclasses
import datetime as dt
import enum
import ipaddress
import json
import uuid
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import pytest
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    RootModel,
    computed_field,
)
from pydantic_core import CoreSchema, core_schema
from tests.support.dsl_flows import Model, Page, step_returning
from typing_extensions import TypeAliasType, TypedDict

from pgflow_dsl import Flow


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Tree(BaseModel):
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


@dataclasses.dataclass
class Data:
    n: int
    when: dt.datetime | None = None


class Keys(TypedDict):
    n: int
    more: "NotRequired[list[Keys]]"


class Pair(NamedTuple):
    a: int
    b: str


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    object_name: str = Field(alias="objectName")


class Square(BaseModel):
    side: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


class Blob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    data: bytes
    more: Base64Bytes = b""


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    when: dt.datetime
    id: uuid.UUID


class Names(RootModel[list[str]]):
    pass


Nested = TypeAliasType("Nested", "int | list[Nested]")


def there_and_back(annotation: Any, value: Any) -> Any:
    step, reader = step_returning(annotation)
    text = step.encode_result(value)
    assert step.decode_result(text) == value
    return reader.decode_args(b'{"it":%b}' % text)["it"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 2**80),
        (str, 'ü \U0001f600 \\u0000 "'),
        (None, None),
        (float, 0.1),
        (float, 1e308),
        (float | None, None),
        (bool, True),
        (dt.datetime, dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)),
        (dt.date, dt.date(2026, 1, 2)),
        (dt.time, dt.time(1, 2, 3)),
        (dt.timedelta, dt.timedelta(days=1, microseconds=3)),
        (uuid.UUID, uuid.UUID(int=5)),
        (Decimal, Decimal("0.10")),
        (Color, Color.RED),
        (Level, Level.LOW),
        (Path, Path("a/b")),
        (ipaddress.IPv4Address, ipaddress.IPv4Address("10.0.0.1")),
        (set[int], {1, 2}),
        (frozenset[str], frozenset(["a"])),
        (dict[int, str], {1: "a"}),
        (dict[uuid.UUID, int], {uuid.UUID(int=1): 1}),
        (dict[Color, int], {Color.RED: 1}),
        (Model, Model(n=1)),
        (Page[Model], Page[Model](items=[Model(n=1)])),
        (Tree, Tree(children=[Tree(), Tree(children=[Tree()])])),
        (Annotated[Cat | Dog, Field(discriminator="kind")], Cat(lives=3)),
        (Cat | Dog | None, Dog()),
        (Data, Data(n=1, when=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))),
        (list[Data], [Data(n=1)]),
        (Keys, {"n": 1, "more": [{"n": 2}]}),
        (Pair, Pair(1, "b")),
        (tuple[int, str], (1, "a")),
        (tuple[int, ...], (1, 2, 3)),
        (Literal["a", 1], 1),
        (Nested, [1, [2, [3]]]),
        (Square, Square(side=2)),
        (Aliased, Aliased(objectName="a")),
        (Blob, Blob(data=b"\xff\x00", more=b"eA==")),
        (Strict, Strict(when=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), id=uuid.UUID(int=1))),
        (Names, Names(["a"])),
        (JsonValue, {"a": [1, None, {"b": 1.5}]}),
        (list[JsonValue], [None, True, "x"]),
        (Mapping[str, int], {"a": 1}),
    ],
)
def test_a_value_comes_back_as_it_was(annotation: Any, value: Any) -> None:
    back = there_and_back(annotation, value)
    assert back == value
    assert type(back) is type(value)


def test_aliases_are_what_json_holds() -> None:
    step, _reader = step_returning(Aliased)
    assert json.loads(step.encode_result(Aliased(objectName="a"))) == {"objectName": "a"}


def test_a_subclass_is_written_as_what_was_declared() -> None:
    class More(Model):
        extra: int = 1

    step, _reader = step_returning(Model)
    assert step.decode_result(step.encode_result(More(n=1))) == Model(n=1)


class Celsius:
    """A class that says itself how it is read and written."""

    def __init__(self, degrees: float) -> None:
        self.degrees = degrees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Celsius) and other.degrees == self.degrees

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        from_text = core_schema.no_info_after_validator_function(
            lambda text: cls(float(text)), core_schema.str_schema()
        )
        return core_schema.json_or_python_schema(
            json_schema=from_text,
            python_schema=core_schema.is_instance_schema(cls),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: str(value.degrees), return_schema=core_schema.str_schema()
            ),
        )


def test_a_class_that_tells_pydantic_its_schema_goes_there_and_back() -> None:
    assert there_and_back(list[Celsius], [Celsius(20.5)]) == [Celsius(20.5)]
    weather = Flow("weather", payload=dict[str, Celsius])  # type: ignore[type-var]
    assert weather.payload_json_type().schema["additionalProperties"] == {"type": "string"}
