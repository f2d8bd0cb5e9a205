# mypy: ignore-errors
"""Functions of the project, other steps, and what handlers take."""

import asyncio
import functools
import uuid
from decimal import Decimal
from pathlib import Path

import _helpers
from _helpers import describe, describe_later, walk
from _models import (
    Nested,
    Order,
    OrderId,
    Page,
    Parcel,
    Row,
    Tree,
    load_row,
    nested,
    where,
)
from pydantic import JsonValue

from pgflow_dsl import Flow

flow = Flow("called", payload=Order)


def traced(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        result = fn(*args, **kwargs)
        return result

    return wrapper


def enveloped(fn):
    @functools.wraps(fn)
    async def wrapper(*args, **kwargs):
        return {"inner": await fn(*args, **kwargs)}

    return wrapper


@functools.cache
def settings():
    return {"unit": "EUR", "limit": 3}


def outer(o: Order):
    return {"by": inner(o.name, n=o.n), "same": o.n}


def inner(name, n=1):
    return {"name": name, "n": n}


def shout(text, mark="!"):
    return {"loud": text.upper() + mark, "length": len(text)}


def about(order, extra):
    first = order.tags[0]
    return {"first": shout(first, mark="?"), "year": order.placed.year, "more": extra["x"] + 1}


def doubled(value): return [value * 2]  # fmt: skip


def countdown(n):
    if n <= 0:
        return {"done": True}
    return countdown(n - 1)


def ping(n: int):
    return pong(n - 1) if n else "ping"


def pong(n: int):
    return ping(n - 1) if n else {"pong": n}


def json_of(text: str) -> JsonValue:
    return {"text": [text]}


@flow.step
def helper(o=flow.payload):
    """{name: str, letters: int}"""
    return describe(o.name)


@flow.step
def helper_of_module(o=flow.payload):
    """{what: {name: str, letters: int}}"""
    return {"what": _helpers.describe(o.name)}


@flow.step
async def helper_awaited(o=flow.payload):
    """{later: {name: str, letters: int}}"""
    found = await describe_later(o.name)
    return {"later": found}


@flow.step
def helper_of_helper(o=flow.payload):
    """{by: {name: str, n: int}, same: int}"""
    return outer(o)


@flow.step
def helper_with_untyped_arguments(o=flow.payload):
    """{first: {loud: str, length: int}, year: int, more: int}"""
    return about(o, {"x": o.n})


@flow.step
def helper_with_several_types(o=flow.payload):
    """{n: list[int | str], s: list[int | str]}"""
    return {"n": doubled(o.n), "s": doubled(o.name)}


@flow.step
def helper_cached(o=flow.payload):
    """{unit: str, limit: int}"""
    return settings()


@flow.step
def recursion_in_place(o=flow.payload):
    """{done: bool}"""
    return countdown(o.n)


@flow.step
def recursion_of_two(o=flow.payload):
    """{pong: int} | str"""
    return ping(o.n)


@flow.step
def arguments_to_helper(o=flow.payload):
    """list[{name: str, n: int}]"""
    return [inner(tag, n=at) for at, tag in enumerate(o.tags)]


@flow.step
@traced
def wrapped(o=flow.payload):
    """{n: int}"""
    return {"n": o.n}


@flow.step
@enveloped
async def enveloped_step(o=flow.payload):
    """{inner: {n: int}}"""
    return {"n": o.n}


@flow.step
async def slept(o=flow.payload):
    """{n: int}"""
    await asyncio.sleep(0)
    return {"n": o.n}


@flow.step
async def gathered(o=flow.payload):
    """tuple[str, int]"""
    async with asyncio.timeout(5):
        one, two = await asyncio.gather(_helpers.text(), _helpers.number())
    return one, two


async def annotated_later() -> Parcel:
    return Parcel(label="later")


@flow.step
async def gathered_list(o=flow.payload):
    """list[{name: str, letters: int} | Parcel]"""
    return await asyncio.gather(describe_later(o.name), annotated_later())


@flow.step
async def gathered_many(o=flow.payload):
    """list[{name: str, letters: int}]"""
    found = await asyncio.gather(*[describe_later(tag) for tag in o.tags])
    return found


@flow.step
def annotated(o: Order = flow.payload) -> Parcel:
    return Parcel(label=o.name)


@flow.step
def one(o=flow.payload):
    """{parcel: Parcel, at: datetime, list: list[{tag: str}], maybe: {a: int} | None}"""
    return {
        "parcel": Parcel(label=o.name),
        "at": o.placed,
        "list": [{"tag": tag} for tag in o.tags],
        "maybe": {"a": 1} if o.flag else None,
    }


@flow.step
def takes_whole(one=one.result, other=annotated.result, ctx=flow.context):
    """{label: str, year: int, tags: list[str], whole: list[{tag: str}], attempt: int, p: Parcel}"""
    return {
        "label": one["parcel"].label,
        "year": one["at"].year,
        "tags": [each["tag"] for each in one["list"]],
        "whole": one["list"],
        "attempt": ctx.attempt,
        "p": other,
    }


@flow.step
def takes_parts(label=one.result["parcel"].label, at=one.result["at"], list=one.result["list"]):
    """{label: str, at: datetime, list: list[{tag: str}]}"""
    return {"label": label.upper(), "at": at, "list": list}


@flow.step
def takes_lens(owner=flow.payload.name, first=flow.payload.tags[0], rank=flow.payload.rank):
    """{owner: str, first: str, rank: int}"""
    return {"owner": owner, "first": first, "rank": rank}


@flow.step
def hands_on(one=one.result):
    """{parcel: Parcel, at: datetime, list: list[{tag: str}], maybe: {a: int} | None}"""
    return one


@flow.step
def spreads(one=one.result):
    """{parcel: Parcel, at: datetime, list: list[{tag: str}], maybe: {a: int} | None, more: int}"""
    return {**one, "more": 1}


@flow.step
def narrows(maybe=one.result["maybe"]):
    """{a: int}"""
    if maybe is None:
        raise ValueError("none")
    return maybe


@flow.step
def takes_last(n=narrows.result["a"], whole=narrows.result):
    """tuple[int, {a: int}]"""
    return n + 1, whole


@flow.step
def in_one_line(o=flow.payload): "{n: int}"; return {"n": o.n}  # fmt: skip


@flow.step
def several_lines(
    o=(flow.payload),  # with a comment
    text=flow.payload.name,
):
    """{n: int, text: str}"""
    return {
        "n": o.n,
        "text": text,
    }


@flow.step(slug="other_name", max_attempts=5)
def named(o=flow.payload):
    """str"""
    return o.name


@flow.step
def generic(o=flow.payload):
    """Page[Parcel]"""
    return Page[Parcel](items=[Parcel(label=o.name)])


@flow.step
def generic_of_object(o=flow.payload):
    """list[Page[int]]"""
    return [Page[int](items=[o.n])]


@flow.step
def recursive_model(o=flow.payload):
    """Tree"""
    return Tree(children=[Tree(children=[])])


@flow.step
def recursive_alias(o=flow.payload):
    """int | list[Nested]"""
    return nested()


@flow.step
def typed_dict(o=flow.payload):
    """Row"""
    return load_row(o.n)


@flow.step
def declared_typed_dict(o=flow.payload):
    """Row"""
    row: Row = {"id": uuid.UUID(int=o.n)}
    return row


@flow.step
def scalars(o=flow.payload):
    """{id: uuid, d: decimal, day: date, span: timedelta, path: Path, time: time}"""
    return {
        "id": uuid.UUID(int=1),
        "d": Decimal("1.5"),
        "day": o.placed.date(),
        "span": o.placed - o.placed,
        "path": where() / "c",
        "time": o.placed.time(),
    }


@flow.step
def new_type(o=flow.payload):
    """OrderId"""
    return OrderId(o.n)


@flow.step
def any_json(o=flow.payload):
    """JsonValue"""
    return json_of(o.name)


@flow.step
def frozen(o=flow.payload):
    """frozenset[str]"""
    return frozenset(o.tags)


@flow.step
def repeated_tuple(o=flow.payload):
    """tuple[str, ...]"""
    return tuple(o.tags)


@flow.step
def walked(o=flow.payload):
    """list[Path]"""
    return walk(Path("nowhere"))


def make(other: Flow[Order]):
    @other.step
    def nested_handler(o=other.payload):
        """{n: int}"""
        return {"n": o.n}


nested_flow = Flow("nested", payload=Order)
make(nested_flow)
