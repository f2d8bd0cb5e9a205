"""Results of which JSON cannot tell the values apart are refused when the flow is defined."""

import dataclasses
import datetime as dt
import enum
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel
from tests.support.dsl_flows import step_returning
from typing_extensions import TypedDict

from pgflow_manifest import ResultTypeError


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Size(str, enum.Enum):  # noqa: UP042 - as in code written before 3.11
    LARGE = "large"


class Level(enum.IntEnum):
    LOW = 1


class Shape(enum.Enum):
    SQUARE = (1, 1)


class Point(BaseModel):
    x: int


class Point3(BaseModel):
    x: int
    z: int = 0


@dataclasses.dataclass
class Left:
    n: int
    deep: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Right:
    n: int
    deep: list[str] = dataclasses.field(default_factory=list)


class Keys(TypedDict):
    x: int


class Pair(NamedTuple):
    a: int
    b: int = 1


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Holder(BaseModel):
    value: int | list[str | uuid.UUID]


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (str | uuid.UUID, "of `str | UUID`"),
        (dt.datetime | str, "comes back as datetime"),
        (str | Decimal | None, "Decimal('1') of"),
        (str | Path, "PosixPath('a') of"),
        (Size | str, "<Size.LARGE: 'large'> of"),
        (int | Level, "comes back as 1"),
        (list[int] | tuple[int, ...], "() of"),
        (set[int] | list[int], "set() of"),
        (Left | Right, "Right("),
        (Point3 | Point, "Point(x=1) of `Point3 | Point` is written as"),
        (Point | Keys, "Point(x=1) of `Point | Keys`"),
        (Pair | tuple[int, int], "(1, 1) of"),
        (Point | dict[str, int], "{'x': 1} of"),
        (Holder, "of `str | UUID`"),
        (Shape, "comes back as nothing"),
        (dict[Color, int], "<Color.BLUE: 2>"),
        (dict[Literal["a", 1], int], "{1: 1} of"),
        (dict[str | None, int], "{None: 1} of"),
        (dict[int | str, int], "{1: 1} of"),
    ],
)
def test_a_result_whose_json_means_two_things_is_refused(annotation: Any, text: str) -> None:
    with pytest.raises(ResultTypeError, match="has no exact JSON form") as refused:
        step_returning(annotation)
    assert text in refused.value.message
    assert refused.value.hint is not None
    assert "kind: Literal[...]" in refused.value.hint


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (int | str | float | bool | None, [1, "1", 1.5, 1.0, True, None]),
        (Decimal | float, [Decimal("1.5"), 1.5]),
        (dt.date | dt.datetime, [dt.date(2026, 1, 1), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]),
        (uuid.UUID | int, [uuid.UUID(int=1), 1]),
        (Literal["a", "b"] | str, ["a", "c"]),  # noqa: PYI051 - as users write it
        (Color, [Color.RED, Color.BLUE]),
        (Point | Point3, [Point(x=1), Point3(x=1)]),
        (Cat | Dog | list[Cat], [Cat(), Dog(), [Cat()]]),
        (list[int] | dict[str, int], [[1], {"a": 1}]),
        (dict[Size, int] | None, [{Size.LARGE: 1}, None]),
        (dict[Literal["a", "b"], int], [{"a": 1}]),
        (dict[Literal["a", "b"], int], [{"a": 1, "b": 2}]),
    ],
)
def test_a_union_whose_members_differ_in_json_is_fine(annotation: Any, values: list[Any]) -> None:
    step, reader = step_returning(annotation)
    for value in values:
        back = reader.decode_args(b'{"it":%b}' % step.encode_result(value))["it"]
        assert back == value
        assert type(back) is type(value)
