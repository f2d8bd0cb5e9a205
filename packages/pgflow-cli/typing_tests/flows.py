"""Flows with many types. From them is `flows_client.py`, which `ok.py` and `wrong.py` use."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Generic, Literal, NamedTuple
from uuid import UUID

from pgflow_dsl import Flow, each
from pydantic import BaseModel, Field, JsonValue
from typing_extensions import NotRequired, TypeAliasType, TypedDict, TypeVar

T = TypeVar("T")
Nested = TypeAliasType("Nested", "int | list[Nested]")


class Color(enum.Enum):
    """What it is painted in."""

    RED = "red"
    GREEN = "green"


class Line(BaseModel):
    sku: str
    count: int = Field(default=1, description="At least 1.")
    price: Decimal


class Order(BaseModel):
    """What a customer wants.

    A backslash \\ and \"\"\"quotes\"\"\" are "text".
    """

    order_id: UUID = Field(alias="order-id", description='Called "id" elsewhere.')
    placed: dt.datetime
    lines: list[Line]
    color: Color | None = None
    gift: bool = False


class Pair(NamedTuple):
    left: int
    right: str


class Node(BaseModel):
    name: str
    items: "list[Node]"
    parent: "Node | None"


class Page(BaseModel, Generic[T]):
    items: list[T]
    next: int | None


class Card(BaseModel):
    kind: Literal["card"]
    digits: str


class Cash(BaseModel):
    kind: Literal["cash"]
    coins: dict[str, int]


class List(BaseModel):
    list: "list[str]"
    more: "dict[str, List]"


class Report(TypedDict):
    total: float
    level: Literal["low", "high", 3]
    note: NotRequired[str]


orders = Flow("orders", payload=Order, description="What becomes of an order.")


@orders.step
def pair(order: Order = orders.payload) -> Pair:
    return Pair(len(order.lines), "lines")


@orders.step
def tree() -> Node:
    return Node(name="root", items=[], parent=None)


@orders.step
def pages() -> Page[Line]:
    return Page(items=[], next=None)


@orders.step
def paid() -> Annotated[Card | Cash, Field(discriminator="kind")]:
    return Cash(kind="cash", coins={})


@orders.step
def nested() -> Nested:
    return [1, [2]]


@orders.step
def lists() -> List:
    return List(list=[], more={})


@orders.step
def anything() -> dict[str, JsonValue]:
    return {}


@orders.map
def priced(line: Line = each[orders.payload.lines]) -> Report:
    return {"total": float(line.price), "level": "low"}


@orders.map
def summed(total: float = priced.each["total"]) -> list[float]:
    return [total]


@orders.step(after=(pair, tree, pages, paid, nested, lists, anything))
def report() -> Report:
    return {"total": 1.5, "level": "low"}


@orders.step(slug="list", after=(pair, tree, pages, paid, nested, lists, anything))
def listed() -> list[Color]:
    return [Color.RED]


class Other(BaseModel):
    """An order of another kind."""

    model_config = {"title": "Order"}
    text: str


lone = Flow("import", payload=Other)


@lone.step
def only(order: Other = lone.payload) -> None:
    return None


class Approval(BaseModel):
    approved: bool
    by: str | None = None


class Seat(BaseModel):
    row: int


seats_of = Flow("seats_of", payload=int)


@seats_of.step
def best(trip: int = seats_of.payload) -> Seat:
    return Seat(row=trip)


trips = Flow("trips", payload=int)
approval = trips.signal("approval", Approval)
seats = trips.signal("list", list[int], timeout=60)
wait = trips.sleep("wait", seconds=1, after=(approval, seats))
brought = trips.sub_flow("brought", seats_of, payload=trips.payload, result=best, on_failure="skip")


@trips.step(when=approval.result.approved)
def seat(numbers: list[int] | None = seats.result) -> Line:
    return Line(sku="seat", count=len(numbers or ()), price=Decimal(1))
