"""The flows and what goes in and comes out of them, as JSON: a date is text, a tuple a list.

Written by `pgflow codegen python`. Do not edit it; run the command again.
"""
# fmt: off
# ruff: noqa

from typing import Literal, Protocol, TypeAlias, overload

from pgflow_client import FlowRef, Json
from typing_extensions import NotRequired, TypeAliasType, TypedDict


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
