"""Schemas as users get them: what pydantic emits for the types that a step may take or return."""

import datetime as dt
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, computed_field
from tests.support.schema_fuzz import Schema
from typing_extensions import TypedDict, TypeVar

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    tags: set[str] = Field(default_factory=set[str])
    colour: Colour = Colour.RED


class Money(BaseModel):
    amount: Annotated[Decimal, Field(ge=0, max_digits=6, decimal_places=2)]
    currency: Literal["EUR", "USD", "GBP"]


class Constrained(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=4)]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{1,3}$")]
    score: Annotated[float, Field(gt=0, lt=10, multiple_of=0.5)]
    few: Annotated[list[int], Field(min_length=1, max_length=3)]
    even: Annotated[int, Field(ge=-4, le=4, multiple_of=2)] = 0


class Tree(BaseModel):
    value: int
    children: "list[Tree]" = []


class Linked(BaseModel):
    n: int
    next: "Linked | None" = None


class Ping(BaseModel):
    folder: "Folder | None" = None


class Folder(BaseModel):
    pings: dict[str, Ping] = {}


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=0, le=9)]


class Dog(BaseModel):
    kind: Literal["dog", "puppy"]
    name: Annotated[str, Field(min_length=2)]


class Bird(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["bird"] = "bird"
    wings: int = 2


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    first: Annotated[int, Field(alias="first-name/~%")]
    second: Annotated[str | None, Field(serialization_alias="2nd")] = None


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: int

    @computed_field
    def area(self) -> int:
        return self.width * self.width


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]  # pyright: ignore[reportIncompatibleVariableOverride]
    name: str


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: Annotated[int, Field(ge=0)]


class Words(RootModel[list[Annotated[str, Field(max_length=3)]]]):
    pass


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class ClosedMovie(Movie):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    seen: bool


@dataclass
class Point:
    x: float
    y: float = 0.0
    label: str | None = None


class Line(BaseModel):
    sku: Annotated[str, Field(pattern=r"^[a-z0-9]+$", max_length=8)]
    quantity: Annotated[int, Field(ge=1, le=99)]
    price: Money
    note: str | None = None


class Order(BaseModel):
    id: UUID
    at: dt.datetime
    lines: Annotated[list[Line], Field(min_length=1)]
    ship_to: dict[Literal["street", "city"], str]
    bill_to: Point | None = None


_TYPES: Final[dict[str, Any]] = {
    "strict": Strict,
    "money": Money,
    "constrained": Constrained,
    "tree": Tree,
    "linked": Linked,
    "mutual": Ping,
    "untagged": Cat | Dog | Bird,
    "tagged": Annotated[Cat | Dog, Field(discriminator="kind")],
    "tagged_with_default": Annotated[Cat | Dog | Bird, Field(discriminator="kind")],
    "tagged_list": list[Annotated[Cat | Dog, Field(discriminator="kind")]],
    "aliased": Aliased,
    "computed": Computed,
    "extra": Extra,
    "generic": Page[Movie],
    "root": Words,
    "typed_dict": Movie,
    "closed_typed_dict": ClosedMovie,
    "dataclass": Point,
    "order": Order,
    "set": set[int],
    "frozenset_of_tuples": frozenset[tuple[int, str]],
    "tuple": tuple[int, str, bool | None],
    "tuple_of_any_length": tuple[float, ...],
    "decimal": Decimal,
    "dict_of_ints": dict[int, str],
    "dict_of_literals": dict[Literal["a", "b"], int],
    "dict_of_patterns": dict[Annotated[str, Field(pattern="^x-", max_length=5)], list[int]],
    "dict_of_enums": dict[Colour, Level],
    "literal": Literal["a", 1, True] | None,
    "enum": Colour,
    "int_enum": Level,
    "union": int | str | list[int] | None,
    "strings_of_lengths": Annotated[str, Field(max_length=2)] | Annotated[str, Field(min_length=4)],
    "lists_of_lengths": Annotated[list[int], Field(max_length=1)] | list[str],
    "json_values": dict[str, str | int | float | bool | list[Any] | None],
    "dates": tuple[dt.date, dt.time, dt.timedelta, UUID, bytes],
    "bounded_float": Annotated[float, Field(ge=-1, lt=1)],
}


def pydantic_schemas() -> Iterator[tuple[str, Schema]]:
    """Give each type's schema under a name, as results have it and as payloads have it."""
    for name, annotation in _TYPES.items():
        adapter = TypeAdapter[Any](annotation)
        yield f"{name}, serialized", adapter.json_schema(mode="serialization")
        yield f"{name}, validated", adapter.json_schema(mode="validation")
