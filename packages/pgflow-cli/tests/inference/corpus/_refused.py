# mypy: ignore-errors
"""Handlers of which nothing exact can be told; the docstring of each says why."""

import functools
import json
import subprocess
from types import SimpleNamespace

from _models import Order, Page

from pgflow_dsl import Flow

flow = Flow("refused", payload=Order)
MADE = {"a": 1}


class Custom:
    def __init__(self, n):
        self.n = n

    def as_dict(self):
        return {"n": self.n}


def counting(fn):
    calls = []

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        calls.append(fn)
        return json.loads("1")

    return wrapper


def fill(d):
    d["more"] = "x"


def no_type(name):
    return name.strip()


def by_default(text=None):
    return text.strip()


def factorial(n: int):
    return 1 if n < 2 else n * factorial(n - 1)


def endless(n):
    return {"child": endless(n)}


@flow.step
def loaded(o=flow.payload):
    """the type checker knows it only as `Any` (at `json.loads(o.name)`)"""
    return json.loads(o.name)


@flow.step
def loaded_inside(o=flow.payload):
    """the type checker knows it only as `Any` (at `json.loads('1')`)"""
    return {"a": o.n, "b": json.loads("1")}


@flow.step
def raises_only(o=flow.payload):
    """it never returns"""
    raise ValueError(o.name)


@flow.step
def empty(o=flow.payload):
    """it never returns, or only an empty list"""
    return []


@flow.step
def custom(o=flow.payload):
    """the result type `Custom` has no exact JSON form"""
    return Custom(o.n)


@flow.step
def custom_set(o=flow.payload):
    """the result type `set[Custom]` has no exact JSON form"""
    return {Custom(o.n)}


@flow.step
def binary(o=flow.payload):
    """the type checker knows it only as `bytes` (at `b'x'`)"""
    return b"x"


@flow.step
def lambda_(o=flow.payload):
    """it is a function, which has no JSON form (at `lambda: 1`)"""
    return lambda: 1


@flow.step
def class_(o=flow.payload):
    """it is the class `Custom` itself, which has no JSON form (at `Custom`)"""
    return Custom


@flow.step
def numbers(o=flow.payload):
    """the result type `range` has no exact JSON form"""
    return range(o.n)


@flow.step
def generated(o=flow.payload):
    """the result type `Generator[str, None, None]` has no exact JSON form"""
    return (tag for tag in o.tags)


@flow.step
def passed_on(o=flow.payload):
    """it is passed to `fill`, which may change it (line"""
    result = {"n": o.n}
    fill(result)
    return result


@flow.step
def passed_by_name(o=flow.payload):
    """it goes where it may be changed (line"""
    result = {"n": o.n}
    fill(d=result)
    return result


@flow.step
def aliased(o=flow.payload):
    """`other` is another name for it, and is changed (line"""
    result = {"n": o.n}
    other = result
    other["x"] = 1
    return result


@flow.step
def held_and_changed(o=flow.payload):
    """it goes where it may be changed (line"""
    inner = {"n": o.n}
    outer = {"inner": inner}
    outer["inner"]["x"] = 1
    return inner


@flow.step
def closed_over(o=flow.payload):
    """an inner function may change it (line"""
    result = {"n": o.n}

    def add():
        result["x"] = 1

    add()
    return result


@flow.step
def seen_by_locals(o=flow.payload):
    """an inner function may change it (line"""
    result = {"n": o.n}
    locals()["result"]["x"] = 1
    return result


@flow.step
def nonlocal_(o=flow.payload):
    """an inner function may change it (line"""
    result = {"n": o.n}

    def add():
        nonlocal result
        result = {"x": 1}

    add()
    return result


@flow.step
def nested_change(o=flow.payload):
    """it goes where it may be changed (line"""
    result = {"a": {"b": o.n}}
    result["a"]["c"] = 1
    return result


@flow.step
def changed_in_loop(o=flow.payload):
    """`.update` changes what is in it (line"""
    result = [{"a": o.n}]
    for each in result:
        each.update(b=1)
    return result


@flow.step
def updated_with_unknown(o=flow.payload):
    """the type checker knows it only as `Any` (at `json.loads('{}')`)"""
    result = {"a": o.n}
    result.update(json.loads("{}"))
    return result


@flow.step
def in_place(o=flow.payload):
    """what it becomes in place cannot be told (at `result['a'] *= o.tags`)"""
    result = {"a": o.n}
    result["a"] *= o.tags
    return result


@flow.step
def made_elsewhere(o=flow.payload):
    """it is a dict whose keys are not visible here (at `MADE`)"""
    return MADE


@flow.step
def method(o=flow.payload):
    """it is a dict whose keys are not visible here (at `Custom(o.n).as_dict()`)"""
    return Custom(o.n).as_dict()


@flow.step
def inner_function(o=flow.payload):
    """it is a dict whose keys are not visible here (at `inner()`)"""

    def inner():
        return {"n": o.n}

    return inner()


@flow.step
@counting
def decorated(o=flow.payload):
    """the type checker knows it only as `Any` (at `json.loads('1')`)"""
    return o.n


@flow.step
def nobody_awaits(o=flow.payload):
    """it is a coroutine that nobody awaits"""

    async def later():
        return 1

    return later()


@flow.step
def generic_of_nothing(o=flow.payload):
    """it is a `Page`, and the type checker does not know what is in it (at"""
    return Page(items=[o.n])


@flow.step
def untyped_argument(o=flow.payload):
    """the type checker knows it only as `Any` (at `name.strip()`)"""
    return no_type(json.loads(o.name))


@flow.step
def untyped_by_default(o=flow.payload):
    """the type checker knows it only as `Any` (at `text.strip()`)"""
    return by_default()


@flow.step
def recursion(o=flow.payload):
    """the type checker knows it only as `Any` (at `n * factorial(n - 1)`)"""
    return factorial(o.n)


@flow.step
def recursion_inside(o=flow.payload):
    """it calls itself (at `def endless`)"""
    return endless(o.n)


@flow.step
def local_class(o=flow.payload):
    """the class `Here` is defined inside a function, where no worker finds it"""

    class Here:
        pass

    return Here()


@flow.step
def namespace(o=flow.payload):
    """the result type `SimpleNamespace` has no exact JSON form"""
    return SimpleNamespace(a=1)


@flow.step
def depends_on_refused(loaded=loaded.result):
    """not told: the step that it depends on is"""
    return loaded


@flow.step
def process(o=flow.payload):
    """has no exact JSON form"""
    return subprocess.run(["true"], check=True)


@flow.step
def rebound_tuple(o=flow.payload):
    """not every value of `a` is written as one expression (at `a`)"""
    a = {"n": o.n}
    a, b = o.n, 1
    return a


@flow.step
def parameter_changed(o=flow.payload, ctx=flow.context):
    """has no exact JSON form"""
    return ctx


@flow.step
def stale(o=flow.payload):
    """the type checker may not know what `a` holds by then, after the change in line"""
    a = {"k": o.n}
    if o.flag:
        a["k"] = "text"
    doubled = a["k"] * 2
    return {"doubled": doubled}


def growing(value, n):
    return [value] if n < 1 else growing([value], n - 1)


@flow.step
def grows(o=flow.payload):
    """it calls itself (at `def growing`)"""
    return growing(o.n, 3)


@flow.step
def listed_for_maps() -> list[int]:
    return [1]


@flow.map
def loaded_for_each(n=listed_for_maps.each):
    """the type checker knows it only as `Any` (at `json.loads(str(n))`)"""
    return json.loads(str(n))


@flow.map
def over_what_failed(n=loaded_for_each.each):
    """not told: what it depends on is"""
    return n
