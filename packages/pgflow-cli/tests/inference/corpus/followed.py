# mypy: ignore-errors
"""Local names, and what happens to dicts and lists after they were made."""

import json
import logging

from _models import Order

from pgflow_dsl import Flow

flow = Flow("followed", payload=Order)
log = logging.getLogger(__name__)


@flow.step
def local(o=flow.payload):
    """{n: int}"""
    result = {"n": o.n}
    log.info("made %s", result)
    print(len(result), json.dumps(result), "n" in result)
    return result


@flow.step
def key_added(o=flow.payload):
    """{n: int, name: str}"""
    result = {"n": o.n}
    result["name"] = o.name
    return result


@flow.step
def key_added_maybe(o=flow.payload):
    """{n: int, name?: str}"""
    result = {"n": o.n}
    if o.flag:
        result["name"] = o.name
    return result


@flow.step
def key_changed(o=flow.payload):
    """{n: str}"""
    result = {"n": o.n}
    result["n"] = str(o.n)
    return result


@flow.step
def key_changed_maybe(o=flow.payload):
    """{n: int | str}"""
    result = {"n": o.n}
    if o.flag:
        result["n"] = str(o.n)
    return result


@flow.step
def key_after_return(o=flow.payload):
    """{n: int} | {n: int, late: int}"""
    result = {"n": o.n}
    if o.flag:
        return result
    result["late"] = 1
    return result


@flow.step
def key_in_finally(o=flow.payload):
    """{n: int, done?: bool}"""
    result = {"n": o.n}
    try:
        return result
    finally:
        result["done"] = True


@flow.step
def built_up(o=flow.payload):
    """{a: int, b: list[str]}"""
    result = {}
    result["a"] = o.n
    result["b"] = o.tags
    return result


@flow.step
def updated(o=flow.payload):
    """{a: int, b: str, c: bool, d?: int}"""
    result = {"a": o.n}
    result.update({"b": o.name})
    result.update(c=o.flag)
    if o.flag:
        result |= {"d": 4}
    return result


@flow.step
def removed(o=flow.payload):
    """{a?: int, b?: int, c: int}"""
    result = {"a": 1, "b": 2, "c": 3}
    if o.flag:
        del result["a"]
    result.pop("b")
    return result


@flow.step
def counted(o=flow.payload):
    """{ok: int, failed: int}"""
    counts = {"ok": 0, "failed": 0}
    for tag in o.tags:
        counts["ok" if tag else "failed"] += 1
    counts["failed"] += 1
    log.info("%s", counts["ok"])
    return counts


@flow.step
def counted_parts(o=flow.payload):
    """{ok: int, sum: int}"""
    counts = {"ok": 0, "failed": 0}
    for tag in o.tags:
        counts["ok" if tag else "failed"] += 1
    return {"ok": counts["ok"], "sum": counts["ok"] + counts["failed"]}


@flow.step
def counted_whole(o=flow.payload):
    """{ok: int, share: float}"""
    counts = {"ok": 0, "share": 1}
    counts["ok"] += 1
    counts["share"] = o.n / 2
    return counts


@flow.step
def mapped(o=flow.payload):
    """map[str, {n: int}]"""
    by_tag = {}
    for tag in o.tags:
        by_tag[tag] = {"n": len(tag)}
    return by_tag


@flow.step
def collected(o=flow.payload):
    """list[{tag: str}]"""
    found = []
    for tag in o.tags:
        found.append({"tag": tag})
    return found


@flow.step
def collected_more(o=flow.payload):
    """list[int | str | None]"""
    found = [1]
    found.append("x")
    found.extend([None])
    found += ["y"]
    return found


@flow.step
def sorted_copy(o=flow.payload):
    """list[str]"""
    found = [tag.upper() for tag in o.tags]
    found.sort()
    return sorted(found)


@flow.step
def held(o=flow.payload):
    """{inner: {n: int, more?: str}, list: list[{x: int}]}"""
    inner = {"n": o.n}
    items = []
    item = {"x": 1}
    items.append(item)
    outer = {"inner": inner}
    inner["more"] = o.name
    outer["list"] = items
    return outer


@flow.step
def copied(o=flow.payload):
    """{a: int, b: str}"""
    base = {"a": o.n}
    result = {**base}
    result["b"] = o.name
    return result


@flow.step
def sorted_objects(o=flow.payload):
    """list[{tag: str, n: int}]"""
    found = [{"tag": tag, "n": len(tag)} for tag in o.tags]
    return sorted(found, key=lambda each: each["n"])


@flow.step
def looked_up(o=flow.payload):
    """{best: {tag: str}, all: list[str]}"""
    found = [{"tag": tag} for tag in o.tags]
    for each in found:
        log.info("%s", each["tag"])
    return dict(best=found[0], all=[each["tag"].upper() for each in found])
