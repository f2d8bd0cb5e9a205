"""One step whose result has ten fields, of the kinds that results have in practice."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from pgflow_dsl import Flow


class Buyer(BaseModel):
    """Who ordered."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]


class Order(BaseModel):
    """Ten fields: texts with rules, numbers with bounds, a choice, an object, lists, a null."""

    order_id: Annotated[str, Field(pattern="^o-[0-9]+$")]
    status: Literal["new", "paid", "shipped"]
    buyer: Buyer
    amount: Annotated[float, Field(ge=0)]
    currency: Literal["EUR", "USD", "GBP"]
    quantity: Annotated[int, Field(ge=1, le=1000)]
    tags: Annotated[list[str], Field(max_length=20)]
    lines: list[int]
    is_gift: bool
    note: str | None = None


order = Flow("order", payload=int, client_startable=True)


@order.step
async def place(number: int = order.payload) -> Order:
    """Return an order that fits."""
    return Order(
        order_id=f"o-{number}",
        status="paid",
        buyer=Buyer(name="Ada", country="CH"),
        amount=19.9,
        currency="EUR",
        quantity=3,
        tags=["red", "large"],
        lines=[1, 2, 3],
        is_gift=False,
    )
