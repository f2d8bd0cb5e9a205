"""The flows and what goes in and comes out of them, as JSON: a date is text, a tuple a list.

Written by `pgflow codegen python`. Do not edit it; run the command again.
"""
# fmt: off
# ruff: noqa

from typing import Literal, Protocol, TypeAlias, overload

from pgflow_client import FlowRef, Json, SignalRef
from typing_extensions import NotRequired, TypeAliasType, TypedDict


class Approval(TypedDict):
    approved: bool
    by: NotRequired[str | None]


class Card(TypedDict):
    kind: Literal["card"]
    digits: str


class Cash(TypedDict):
    kind: Literal["cash"]
    coins: dict[str, int]


Color: TypeAlias = Literal["red", "green"]
"""What it is painted in."""


class ImportOrder(TypedDict):
    """An order of another kind."""

    text: str


class LinePayload(TypedDict):
    sku: str
    count: NotRequired[int]
    """At least 1."""
    price: float | str


class LineResult(TypedDict):
    sku: str
    count: int
    """At least 1."""
    price: str


ListType = TypedDict("ListType", {
    "list": list[str],
    "more": "dict[str, ListType]",
})


Nested = TypeAliasType("Nested", "int | list[Nested]")


class Node(TypedDict):
    name: str
    items: "list[Node]"
    parent: "Node | None"


OrdersOrder = TypedDict("OrdersOrder", {
    # Called "id" elsewhere.
    "order-id": str,
    "placed": str,
    "lines": list[LinePayload],
    "color": NotRequired[Color | None],
    "gift": NotRequired[bool],
})
"""What a customer wants.

A backslash \\ and \"\"\"quotes\"\"\" are \"text\".
"""


class PageLine(TypedDict):
    items: list[LineResult]
    next: int | None


class Report(TypedDict):
    total: float
    level: Literal["low", "high", 3]
    note: NotRequired[str]


class Seat(TypedDict):
    row: int


class ImportOutput(TypedDict):
    """The run output of `import`."""

    only: None


class ImportResults(Protocol):
    """What the steps of `import` return, by slug."""

    def __call__(self, step_slug: Literal["only"], /) -> None: ...


class AsyncImportResults(Protocol):
    """What the steps of `import` return, by slug."""

    async def __call__(self, step_slug: Literal["only"], /) -> None: ...


import_: FlowRef[ImportOrder, ImportOutput, ImportResults, AsyncImportResults] = FlowRef("import")


OrdersOutput = TypedDict("OrdersOutput", {
    "summed": list[list[float]],
    "report": Report,
    "list": list[Color],
})
"""The run output of `orders`."""


class OrdersResults(Protocol):
    """What the steps of `orders` return, by slug."""

    @overload
    def __call__(self, step_slug: Literal["pair"], /) -> list[int | str]: ...

    @overload
    def __call__(self, step_slug: Literal["tree"], /) -> Node: ...

    @overload
    def __call__(self, step_slug: Literal["pages"], /) -> PageLine: ...

    @overload
    def __call__(self, step_slug: Literal["paid"], /) -> Card | Cash: ...

    @overload
    def __call__(self, step_slug: Literal["nested"], /) -> Nested: ...

    @overload
    def __call__(self, step_slug: Literal["lists"], /) -> ListType: ...

    @overload
    def __call__(self, step_slug: Literal["anything"], /) -> dict[str, Json]: ...

    @overload
    def __call__(self, step_slug: Literal["priced"], /) -> list[Report]: ...

    @overload
    def __call__(self, step_slug: Literal["summed"], /) -> list[list[float]]: ...

    @overload
    def __call__(self, step_slug: Literal["report"], /) -> Report: ...

    @overload
    def __call__(self, step_slug: Literal["list"], /) -> list[Color]: ...


class AsyncOrdersResults(Protocol):
    """What the steps of `orders` return, by slug."""

    @overload
    async def __call__(self, step_slug: Literal["pair"], /) -> list[int | str]: ...

    @overload
    async def __call__(self, step_slug: Literal["tree"], /) -> Node: ...

    @overload
    async def __call__(self, step_slug: Literal["pages"], /) -> PageLine: ...

    @overload
    async def __call__(self, step_slug: Literal["paid"], /) -> Card | Cash: ...

    @overload
    async def __call__(self, step_slug: Literal["nested"], /) -> Nested: ...

    @overload
    async def __call__(self, step_slug: Literal["lists"], /) -> ListType: ...

    @overload
    async def __call__(self, step_slug: Literal["anything"], /) -> dict[str, Json]: ...

    @overload
    async def __call__(self, step_slug: Literal["priced"], /) -> list[Report]: ...

    @overload
    async def __call__(self, step_slug: Literal["summed"], /) -> list[list[float]]: ...

    @overload
    async def __call__(self, step_slug: Literal["report"], /) -> Report: ...

    @overload
    async def __call__(self, step_slug: Literal["list"], /) -> list[Color]: ...


orders: FlowRef[OrdersOrder, OrdersOutput, OrdersResults, AsyncOrdersResults] = FlowRef("orders")
"""What becomes of an order."""


class SeatsOfOutput(TypedDict):
    """The run output of `seats_of`."""

    best: Seat


class SeatsOfResults(Protocol):
    """What the steps of `seats_of` return, by slug."""

    def __call__(self, step_slug: Literal["best"], /) -> Seat: ...


class AsyncSeatsOfResults(Protocol):
    """What the steps of `seats_of` return, by slug."""

    async def __call__(self, step_slug: Literal["best"], /) -> Seat: ...


seats_of: FlowRef[int, SeatsOfOutput, SeatsOfResults, AsyncSeatsOfResults] = FlowRef("seats_of")


class TripsOutput(TypedDict):
    """The run output of `trips`."""

    brought: Seat | None
    wait: None
    seat: LineResult | None


class TripsResults(Protocol):
    """What the steps of `trips` return, by slug."""

    @overload
    def __call__(self, step_slug: Literal["approval"], /) -> Approval: ...

    @overload
    def __call__(self, step_slug: Literal["list"], /) -> list[int] | None: ...

    @overload
    def __call__(self, step_slug: Literal["brought"], /) -> Seat | None: ...

    @overload
    def __call__(self, step_slug: Literal["wait"], /) -> None: ...

    @overload
    def __call__(self, step_slug: Literal["seat"], /) -> LineResult | None: ...


class AsyncTripsResults(Protocol):
    """What the steps of `trips` return, by slug."""

    @overload
    async def __call__(self, step_slug: Literal["approval"], /) -> Approval: ...

    @overload
    async def __call__(self, step_slug: Literal["list"], /) -> list[int] | None: ...

    @overload
    async def __call__(self, step_slug: Literal["brought"], /) -> Seat | None: ...

    @overload
    async def __call__(self, step_slug: Literal["wait"], /) -> None: ...

    @overload
    async def __call__(self, step_slug: Literal["seat"], /) -> LineResult | None: ...


class TripsSignals:
    """The signals of `trips`."""

    approval = SignalRef[Approval]("approval")
    list_ = SignalRef[list[int]]("list")


trips: FlowRef[int, TripsOutput, TripsResults, AsyncTripsResults, TripsSignals] = FlowRef("trips", TripsSignals())
