# mypy: ignore-errors
"""Displays and comprehensions; the docstring of a handler is what its result must come out as."""

from pathlib import Path

from _models import Color, Mode, Order, Pair, Parcel, Point, choose

from pgflow_dsl import Flow

flow = Flow("displays", payload=Order)
BASE = {"one": 1}


@flow.step
def keys(o=flow.payload):
    """{n: int, s: str, f: float, b: bool, none: None, t: datetime}"""
    return {"n": o.n, "s": o.name, "f": 1.5, "b": o.flag, "none": None, "t": o.placed}


@flow.step
def nothing_in_it(o=flow.payload):
    """{}"""
    return {}


@flow.step
def nested(o=flow.payload):
    """{a: {b: {c: int}, d: list[{e: str}]}}"""
    return {"a": {"b": {"c": o.n}, "d": [{"e": tag} for tag in o.tags]}}


@flow.step
def spread_of_display(o=flow.payload):
    """{x: int, y: str, z: bool}"""
    base = {"x": o.n, "y": 1, "z": True}
    return {**base, "y": o.name}


@flow.step
def spread_after(o=flow.payload):
    """{y: int, x: int}"""
    base = {"x": o.n, "y": 1}
    return {"y": "text", **base}


@flow.step
def spread_of_what_may_be_empty(o=flow.payload):
    """{n: int, more?: str}"""
    return {"n": o.n, **({"more": o.name} if o.flag else {})}


@flow.step
def spread_of_either(o=flow.payload):
    """{ok: bool | int, n?: int, why?: str}"""
    return {"ok": True, **({"ok": o.n, "n": o.n} if o.flag else {"why": o.name})}


@flow.step
def spread_of_map(o=flow.payload):
    """map[str, float | str]"""
    return {**o.prices, "unit": "EUR"}


@flow.step
def number_keys(o=flow.payload):
    """map[int, str]"""
    return {1: o.name, o.n: "x"}


@flow.step
def comprehended_dict(o=flow.payload):
    """map[str, {n: int}]"""
    return {tag: {"n": len(tag)} for tag in o.tags}


@flow.step
def comprehended_list(o=flow.payload):
    """list[{tag: str, at: int}]"""
    return [{"tag": tag, "at": at} for at, tag in enumerate(o.tags) if tag]


@flow.step
def comprehended_set(o=flow.payload):
    """set[str]"""
    return {tag.upper() for tag in o.tags}


@flow.step
def set_display(o=flow.payload):
    """set[int]"""
    return {1, o.n}


@flow.step
def generator_in_list(o=flow.payload):
    """list[int]"""
    return list(len(tag) for tag in o.tags)


@flow.step
def texts(o=flow.payload):
    """list[str]"""
    return ["a", "b", o.name]


@flow.step
def mixed(o=flow.payload):
    """list[str | int | None]"""
    return ["a", o.n, None]


@flow.step
def unpacked(o=flow.payload):
    """list[int | str]"""
    return [*o.tags, o.n, *(1, 2)]


@flow.step
def pair(o=flow.payload):
    """tuple[int, str]"""
    return o.n, "text"


@flow.step
def tuple_of_objects(o=flow.payload):
    """tuple[{a: int}, list[{b: str}]]"""
    return {"a": o.n}, [{"b": o.name}]


@flow.step
def no_tuple(o=flow.payload):
    """tuple[]"""
    return ()


@flow.step
def lone_literal(o=flow.payload):
    """str"""
    return "done"


@flow.step
def large_number(o=flow.payload):
    """int"""
    return 5_000_000_000


@flow.step
def literals(o=flow.payload):
    """ "small" | "large\""""
    return "small" if o.n < 5 else "large"


@flow.step
def literals_inside(o=flow.payload):
    """{kind: "a" | "b", other: str}"""
    return {"kind": "a" if o.flag else "b", "other": "lone"}


@flow.step
def number_literals(o=flow.payload):
    """1 | 5000000000"""
    return 1 if o.flag else 5_000_000_000


@flow.step
def declared_literals(o=flow.payload):
    """ "a" | "b\""""
    return choose(o.n)


@flow.step
def literal_or_none(o=flow.payload):
    """str | None"""
    return "a" if o.flag else None


@flow.step
def truths(o=flow.payload):
    """bool"""
    return True if o.flag else False


@flow.step
def negated(o=flow.payload):
    """bool"""
    return not o.flag


@flow.step
def member(o=flow.payload):
    """Color"""
    return Color.RED


@flow.step
def members(o=flow.payload):
    """Mode.FAST | Mode.SLOW"""
    return Mode.FAST if o.flag else Mode.SLOW


@flow.step
def value_of_member(o=flow.payload):
    """{value: str, name: str}"""
    return {"value": Color.RED.value, "name": Mode.FAST.name}


@flow.step
def either_or(o=flow.payload):
    """{a: int} | str"""
    return {"a": 1} if o.flag else o.name


@flow.step
def or_else(o=flow.payload):
    """{note: str, more: {a: int}}"""
    found = {"a": o.n} if o.note else None
    return {"note": o.note or "none", "more": found or {"a": 0}}


@flow.step
def and_then(o=flow.payload):
    """{hit: str | {text: str} | None}"""
    return {"hit": o.note and {"text": o.note}}


@flow.step
def walrus(o=flow.payload):
    """{n: int}"""
    return {"n": size} if (size := len(o.tags)) else {"n": 0}


@flow.step
def classes(o=flow.payload):
    """{p: Parcel, s: Parcel.Stamp, point: Point, pair: Pair, path: Path}"""
    return {
        "p": Parcel(label="x"),
        "s": Parcel.Stamp(cents=3),
        "point": Point(1, 2.5),
        "pair": Pair(1, "b"),
        "path": Path("a"),
    }


@flow.step
def subscripts(o=flow.payload):
    """{first: str, inner: {b: int}, item: {c: str}}"""
    whole = {"a": {"b": o.n}, "list": [{"c": o.name}]}
    return {"first": o.tags[0], "inner": whole["a"], "item": whole["list"][0]}


@flow.step
def formatted(o=flow.payload):
    """str"""
    return f"{o.name}: {o.n:>5}"


@flow.step
def unicode(o=flow.payload):
    """{größe: int, "𝄞": str}"""
    return {"größe": len("𝄞𝄞" + o.name), "𝄞": ("𝄞", o.name)[1]}
