"""A flow whose payload and results have every type of the table in docs/types.md."""

import dataclasses
import datetime as dt
import enum
import ipaddress
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Generic, Literal, NamedTuple, NotRequired

from pydantic import BaseModel, Field, JsonValue, computed_field
from typing_extensions import TypeAliasType, TypedDict, TypeVar

from pgflow_dsl import Flow

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Size(enum.StrEnum):
    SMALL = "small"


class Page(BaseModel, Generic[T]):
    items: list[T]


class Tree(BaseModel):
    """A tree of names."""

    name: str
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


@dataclasses.dataclass
class Span:
    start: dt.datetime
    end: dt.datetime | None = None


class Keys(TypedDict):
    n: int
    more: "NotRequired[list[Keys]]"


class Pair(NamedTuple):
    a: int
    b: str


class Square(BaseModel):
    side: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


Nested = TypeAliasType("Nested", "int | list[Nested]")


class Everything(BaseModel):
    nothing: None
    flag: bool
    number: int
    share: float
    text: str
    moment: dt.datetime
    day: dt.date
    hour: dt.time
    lasts: dt.timedelta
    id: uuid.UUID
    price: Decimal
    path: Path
    v4: ipaddress.IPv4Address
    v6: ipaddress.IPv6Address
    color: Color
    level: Level
    size: Size
    choice: Literal["a", 1, True]
    member: Literal[Level.HIGH]
    numbers: list[int]
    couple: tuple[int, str]
    row: tuple[int, ...]
    pair: Pair
    tags: set[str]
    ids: frozenset[int]
    by_text: dict[str, float]
    by_number: dict[int, str]
    by_id: dict[uuid.UUID, int]
    by_color: dict[Color, int]
    tree: Tree
    page: Page[Tree]
    span: Span
    keys: Keys
    square: Square
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    maybe: Cat | Dog | None
    nested: Nested
    anything: JsonValue
    odd_name: str = Field(alias="odd-name 1", description="Where the key is no identifier: */.")


flow = Flow("every_type", payload=Everything, client_startable=True)


@flow.step
def same(it: Everything = flow.payload) -> Everything:
    """Give back what came in."""
    return it


@flow.step
def nothing(_it: Everything = same.result) -> None:
    return None


@flow.step
def couple(pair: Pair = same.result.pair, level: Level = same.result.level) -> tuple[Pair, Level]:
    return pair, level


@flow.step
def nested(it: Nested = same.result.nested) -> Nested:
    return it


@flow.step
def anything(it: JsonValue = same.result.anything) -> JsonValue:
    return it


@flow.step
def tags(it: set[str] = same.result.tags) -> list[str]:
    return sorted(it)
