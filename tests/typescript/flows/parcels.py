"""A flow as people write it, with whatever can go wrong, and flows with plain payloads."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel
from typing_extensions import TypedDict

from pgflow_dsl import Flow, GiveUp


class Order(BaseModel):
    """What a customer asked for."""

    number: int = Field(ge=1, description="Counted from 1.")
    items: list[str]
    note: str | None = None


class Parcel(BaseModel):
    label: str
    weight: float
    size: Literal["small", "large"]


class Promise(TypedDict):  # the name of a global of JavaScript
    label: str
    days: Annotated[int, Field(le=14)]


flow = Flow("parcels", payload=Order, client_startable=True, max_attempts=1)


@flow.step
def pack(order: Order = flow.payload) -> Parcel:
    if not order.items:
        raise GiveUp("there is nothing to pack")
    size: Literal["small", "large"] = "small" if len(order.items) < 3 else "large"
    return Parcel(label=f"order {order.number}", weight=0.5 * len(order.items), size=size)


@flow.step
def promise(parcel: Parcel = pack.result, number: int = flow.payload.number) -> Promise:
    """Say when it comes."""
    return {"label": parcel.label.upper(), "days": number}


class Labels(RootModel[list[str] | None]):
    """Arrays and null are payloads that PostgREST does not hand over as they are."""


labels = Flow("labels", payload=Labels, client_startable=True)


@labels.step
def count(given: Labels = labels.payload) -> int | None:
    return None if given.root is None else len(given.root)


inner = Flow("inner", payload=int)


@inner.step
def twice(n: int = inner.payload) -> int:
    return 2 * n
