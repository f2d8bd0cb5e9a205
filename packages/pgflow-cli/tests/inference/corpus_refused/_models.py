# mypy: ignore-errors
"""What the handlers of the corpus take and return."""

import dataclasses
import datetime as dt
import enum
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Generic, Literal, NamedTuple, NewType, TypeVar, Union

from pydantic import BaseModel
from typing_extensions import NotRequired, TypeAliasType, TypedDict

T = TypeVar("T")


class Order(BaseModel):
    """The payload."""

    n: int = 3
    name: str = "cup"
    tags: list[str] = ["red", "new"]
    note: str | None = None
    size: Literal["small", "large"] = "small"
    rank: Literal[1, 2] = 1
    placed: dt.datetime = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc)
    flag: bool = True
    prices: dict[str, float] = {"a": 1.5}


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Mode(enum.StrEnum):
    FAST = "fast"
    SLOW = "slow"


class Parcel(BaseModel):
    label: str
    due: dt.date | None = None

    class Stamp(BaseModel):
        cents: int


class Page(BaseModel, Generic[T]):
    items: list[T]


class Tree(BaseModel):
    children: "list[Tree]"


@dataclasses.dataclass
class Point:
    x: int
    y: float


class Pair(NamedTuple):
    left: int
    right: str


class Row(TypedDict):
    id: uuid.UUID
    total: NotRequired[Decimal]


Alias = Union[int, "list[Alias]"]
Nested = TypeAliasType("Nested", "Union[int, list[Nested]]")
OrderId = NewType("OrderId", int)


def load_row(n: int) -> Row:
    return {"id": uuid.UUID(int=n), "total": Decimal("1.5")}


def nested() -> Nested:
    return [1, [2, 3]]


def choose(n: int) -> Literal["a", "b"]:
    return "a" if n > 1 else "b"


def where() -> Path:
    return Path("a/b")
