# mypy: ignore-errors
"""Map steps: what is inferred is what the handler returns for one item."""

import contextlib
import functools

from _models import Order, Parcel, Point

from pgflow_dsl import Flow, each

flow = Flow("maps", payload=Order)


def counted(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return {"of": fn(*args, **kwargs)}

    return wrapper


@contextlib.contextmanager
def working():
    yield


@flow.step
def rows(o=flow.payload):
    """list[{n: int, tag: str}]"""
    return [{"n": n, "tag": tag} for n, tag in enumerate(o.tags)]


@flow.step
def parcels(o=flow.payload) -> list[Parcel]:
    return [Parcel(label=tag) for tag in o.tags]


@flow.map
def same(row=rows.each):
    """{n: int, tag: str}"""
    return row


@flow.map
def longer(row=rows.each, name=flow.payload.name, ctx=flow.context):
    """{n: int, tag: str, name: str, index: int}"""
    return {**row, "name": name, "index": ctx.task_index}


@flow.map
async def label(text=parcels.each.label, parcel=parcels.each):
    """{label: str, parcel: Parcel}"""
    return {"label": text, "parcel": parcel}


@flow.map
def over_a_map(before=longer.each, n=longer.each["n"]):
    """{before: {n: int, tag: str, name: str, index: int}, twice: int}"""
    return {"before": before, "twice": 2 * n}


@flow.map
def annotated_item(parcel: Parcel = parcels.each):
    """Point | None"""
    if parcel.label == "red":
        return None
    return Point(1, 2.5)


@flow.map
@counted
def wrapped(row=rows.each):
    """{of: str}"""
    return row["tag"]


@flow.map
@working()
def behind_a_decorator(n=rows.each["n"]):
    """float"""
    return n / 2


@flow.step
def of_lists(o=flow.payload):
    """{inner: list[{k: int}], both: tuple[int, ...]}"""
    return {"inner": [{"k": o.n}], "both": tuple(range(o.n))}


@flow.map
def inside(one=each[of_lists.result["inner"]]):
    """{k: int, l: int}"""
    return {"k": one["k"], "l": 1}


@flow.map
def of_a_class(point=annotated_item.each):
    """float | None"""
    return None if point is None else point.y


@flow.step
def whole(all_of=over_a_map.result, first=longer.result, wrapped=wrapped.result):
    """{all: list[{before: {n: int, tag: str, name: str, index: int}, twice: int}], n: int, of: str}"""
    return {"all": all_of, "n": first[0]["n"] if first else 0, "of": wrapped[0]["of"]}
