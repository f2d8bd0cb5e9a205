"""Correct uses of map steps: no checker may report anything, and every type is the right one."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from pgflow_dsl import Flow, Step, StepContext, each
from pydantic import BaseModel
from shared import Summary
from typing_extensions import TypedDict, assert_type


class Line(BaseModel):
    name: str
    cents: int
    tags: list[str]


class Order(BaseModel):
    lines: list[Line]
    currency: str


class Label(TypedDict):
    text: str
    pages: list[int]


orders = Flow("orders", payload=Order)
numbers = Flow("numbers", payload=list[int])


@orders.map
async def price(
    line: Line = each[orders.payload.lines],
    name: str = each[orders.payload.lines].name,
    currency: str = orders.payload.currency,
    ctx: StepContext = orders.context,
) -> Label:
    assert_type(ctx.task_index, int)
    return {"text": f"{name} {line.cents} {currency}", "pages": []}


@orders.map(max_attempts=5, base_delay=0.5, max_delay=60, jitter=0.1, timeout=30)
def shout(text: str = price.each["text"], label: Label = price.each) -> str:
    return text + label["text"]


@orders.map(slug="shout_again", after=(shout,))
async def again(text: str = shout.each) -> str | None:
    return text or None


@orders.map
def maybe(text: str | None = again.each, before: list[str] = shout.result) -> None:
    return None


@orders.map
def deferred(text: str = shout.each) -> Awaitable[Summary]:
    async def work() -> Summary:
        return Summary(summary=text)

    return work()


@orders.map(timeout=1)
def within(page: int = each[price.result[0]["pages"]], tag: str = orders.payload.currency) -> float:
    return page / 2


@orders.map
def of_tags(tag: str = each[orders.payload.lines[0].tags]) -> list[int]:
    return [len(tag)]


@orders.step
def whole(
    labels: list[Label] = price.result,
    texts: Sequence[str] = shout.result,
    first: str = shout.result[0],
    pages: list[int] = price.result[0]["pages"],
    lengths: list[list[int]] = of_tags.result,
) -> int:
    return len(labels) + len(texts) + len(first) + len(pages) + len(lengths)


@numbers.map
def double(n: int = each[numbers.payload]) -> int:
    return 2 * n


assert_type(price, Step[list[Label]])
assert_type(shout, Step[list[str]])
assert_type(again, Step[list[str | None]])
assert_type(maybe, Step[list[None]])
assert_type(deferred, Step[list[Summary]])
assert_type(within, Step[list[float]])
assert_type(of_tags, Step[list[list[int]]])
assert_type(price.each, Label)
assert_type(price.each["pages"], list[int])
assert_type(again.each, str | None)
assert_type(deferred.each.summary, str)
assert_type(each[orders.payload.lines], Line)
assert_type(each[price.result], Label)

run = orders.test(
    Order(lines=[], currency="EUR"),
    replace={price: lambda: {"text": "", "pages": []}},
)
assert_type(run.result(price), list[Label])
assert_type(run.result(whole), int)
assert_type(numbers.test([1]).result(double), list[int])
