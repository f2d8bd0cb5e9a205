"""The schemas of `validation.py`, as pydantic makes them, each with a value that fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, create_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A schema with a value that fits, and one that does not by what is wrong at its end."""

    about: str
    schema: dict[str, Any]
    value: Any
    broken: Any
    goal: float | None
    """How many microseconds a check may add to a call that checks nothing."""


class Small(BaseModel):
    """An object as most steps return it."""

    title: str
    owner: str


class Price(BaseModel):
    """What something costs."""

    amount: Annotated[float, Field(ge=0)]
    currency: Literal["EUR", "USD", "GBP", "CHF"] = "EUR"


class Address(BaseModel):
    """Where something goes."""

    line1: Annotated[str, Field(max_length=200)]
    line2: str | None = None
    city: Annotated[str, Field(min_length=1, max_length=100)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]


class Item(BaseModel):
    """One of the things ordered."""

    sku: Annotated[str, Field(pattern="^[A-Z0-9-]{4,20}$")]
    name: Annotated[str, Field(min_length=1, max_length=500)]
    quantity: Annotated[int, Field(ge=1, le=1000)]
    price: Price
    tags: list[str] = []
    note: str | None = None


class Order(BaseModel):
    """Nested objects, as a large result has them."""

    id: str
    status: Literal["new", "paid", "shipped"]
    ship_to: Address
    bill_to: Address | None = None
    items: Annotated[list[Item], Field(min_length=1)]


class Node(BaseModel):
    """A tree, which refers to itself."""

    value: int
    label: str
    children: "list[Node]" = []


def _event(number: int) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "type": Literal[f"event.kind{number:02}"],
        "at": Annotated[str, Field(min_length=10)],
        "actor": str,
        "count": Annotated[int, Field(ge=0)],
        f"field_{number}": str,
        "extra": (str | None, None),
    }
    return create_model(f"Event{number:02}", **fields)


def _union_of_events() -> Any:
    models: Any = tuple(_event(number) for number in range(20))
    union = models[0]
    for model in models[1:]:
        union = union | model
    return Annotated[union, Field(discriminator="type")]


def _an_event(number: int) -> dict[str, Any]:
    kind = number % 20
    return {
        "type": f"event.kind{kind:02}",
        "at": "2026-01-31T12:00:00Z",
        "actor": f"someone-{number}",
        "count": number,
        f"field_{kind}": "something",
        "extra": None,
    }


def _an_item(number: int) -> dict[str, Any]:
    return {
        "sku": f"SKU-{number:05}",
        "name": f"Thing number {number}, in the usual colour and size",
        "quantity": number + 1,
        "price": {"amount": 9.99 + number, "currency": "EUR"},
        "tags": ["red", "large"],
        "note": None if number % 2 else "handle with care",
    }


def _a_tree(depth: int) -> dict[str, Any]:
    children = [_a_tree(depth - 1) for _ in range(2)] if depth > 1 else []
    return {"value": depth, "label": f"at {depth}", "children": children}


def _schema(annotation: Any) -> dict[str, Any]:
    return TypeAdapter[Any](annotation).json_schema(mode="serialization")


def samples() -> Sequence[Sample]:
    """Return the five that the figures of record are about."""
    address = {"line1": "1 Main Street", "line2": None, "city": "Bern", "country": "CH"}
    items = [_an_item(number) for number in range(50)]
    order = {"id": "o-1", "status": "paid", "ship_to": address, "bill_to": address, "items": items}
    events = [_an_event(number) for number in range(50)]
    event = _union_of_events()
    return (
        Sample(
            about="small object",
            schema=_schema(Small),
            value={"title": "A memo", "owner": "ada"},
            broken={"title": "A memo", "owner": 1},
            goal=10,
        ),
        Sample(
            about="order of 50 items",
            schema=_schema(Order),
            value=order,
            broken={**order, "items": [*items[:-1], {**items[-1], "quantity": 0}]},
            goal=600,
        ),
        Sample(
            about="union of 20 events",
            schema=_schema(event),
            value=events[7],
            broken={**events[7], "count": -1},
            goal=30,
        ),
        Sample(
            about="list of 50 events",
            schema=_schema(GenericAlias(list, (event,))),
            value=events,
            broken=[*events[:-1], {**events[-1], "count": -1}],
            goal=None,
        ),
        Sample(
            about="tree of 63 nodes",
            schema=_schema(Node),
            value=_a_tree(6),
            broken={**_a_tree(6), "children": [_a_tree(5), {"value": "x", "label": "y"}]},
            goal=None,
        ),
    )
