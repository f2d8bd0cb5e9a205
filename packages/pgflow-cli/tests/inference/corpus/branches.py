# mypy: ignore-errors
"""Branches, loops and what several returns come to."""

import contextlib
import logging
import threading

from _models import Order, Parcel

from pgflow_dsl import Flow

flow = Flow("branches", payload=Order)
log = logging.getLogger(__name__)
lock = threading.Lock()


@flow.step
def two_bindings(o=flow.payload):
    """{ok: bool, n: int} | {ok: bool, why: str}"""
    if o.flag:
        result = {"ok": True, "n": o.n}
    else:
        result = {"ok": False, "why": o.name}
    return result


@flow.step
def bound_again(o=flow.payload):
    """{n: int}"""
    result = None
    result = {"n": o.n}
    return result


@flow.step
def maybe_found(o=flow.payload):
    """{tag: str} | None"""
    found = None
    for tag in o.tags:
        if tag == "red":
            found = {"tag": tag}
    return found


@flow.step
def found_for_certain(o=flow.payload):
    """{tag: str}"""
    found = None
    for tag in o.tags:
        if tag == "red":
            found = {"tag": tag}
    if found is None:
        raise ValueError("none")
    return found


@flow.step
def several_returns(o=flow.payload):
    """{a: int} | str | None"""
    if o.n > 5:
        return {"a": 1}
    if o.n > 2:
        return o.name
    return None


@flow.step
def falls_through(o=flow.payload):
    """int | None"""
    if o.flag:
        return o.n


@flow.step
def bare_return(o=flow.payload):
    """str | None"""
    if o.n > 2:
        return
    return o.name


@flow.step
def returns_nothing(o=flow.payload):
    """None"""
    log.info("%s", o)


@flow.step
def with_blocks(o=flow.payload):
    """{n: int}"""
    with lock, open(__file__) as file:
        return {"n": len(file.readline())}


@flow.step
def suppressed(o=flow.payload):
    """int | None"""
    with contextlib.suppress(ValueError):
        return int(o.name)


@flow.step
def tried(o=flow.payload):
    """{ok: int} | {error: str}"""
    try:
        value = int(o.name)
    except ValueError as error:
        return {"error": str(error)}
    else:
        return {"ok": value}


@flow.step
def tried_and_raised(o=flow.payload):
    """int"""
    try:
        return len(o.tags)
    except KeyError:
        raise RuntimeError("no") from None


@flow.step
def matched(o=flow.payload):
    """{small: bool} | {large: int}"""
    match o.size:
        case "small":
            return {"small": True}
        case "large":
            return {"large": o.n}


@flow.step
def looped(o=flow.payload):
    """{tag: str}"""
    while True:
        for tag in o.tags:
            return {"tag": tag}


@flow.step
def narrowed(o=flow.payload):
    """{note: str} | list[str]"""
    if o.note is not None:
        return {"note": o.note}
    return o.tags


@flow.step
def declared(o=flow.payload):
    """list[int]"""
    found: list[int] = []
    found.append(1)
    return found


@flow.step
def empty_or_not(o=flow.payload):
    """list[str]"""
    if not o.tags:
        return []
    return [o.name]


@flow.step
def reassigned_in_loop(o=flow.payload):
    """{n: int} | {text: str}"""
    last = {"n": 0}
    for tag in o.tags:
        last = {"text": tag}
    return last


@flow.step
def same_keys(o=flow.payload):
    """{v: int} | {v: str}"""
    if o.flag:
        return {"v": 1}
    return {"v": "x"}


@flow.step
def fields_of_models(o=flow.payload):
    """Parcel"""
    parcel = Parcel(label=o.name)
    parcel.label = "other"
    return parcel


@flow.step
def nested_differences(o=flow.payload):
    """{x: {p: int}} | {x: {p: int, q: int}} | {}"""
    if o.n > 5:
        return {}
    if o.flag:
        return {"x": {"p": 1}}
    return {"x": {"p": 1, "q": 2}}


@flow.step
def sometimes_more(o=flow.payload):
    """{a: int, b?: int} | {a: int, c?: str}"""
    if o.n > 2:
        first = {"a": 1}
        if o.flag:
            first["b"] = 2
        return first
    second = {"a": 1}
    if o.flag:
        second["c"] = "x"
    return second


@flow.step
def lists_of_different_objects(o=flow.payload):
    """list[{p: int}] | list[{p: int, q: int}]"""
    if o.flag:
        return [{"p": 1}]
    return [{"p": 1, "q": 2}]
