"""A net for inference: handlers made at random never return what their inferred schema refuses.

They build dicts and lists, change them in branches and loops, give them other names and hand them
to functions. Inference may refuse such a handler; what it infers must hold for every run.
"""

import random
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from tests.support.as_a_worker import run_handlers

from pgflow_cli.inference import infer_flows
from pgflow_dsl import discover_flows
from pgflow_manifest import ResultTypeError

HEAD = """
from pydantic import BaseModel

from pgflow_dsl import Flow


class Order(BaseModel):
    p: bool
    q: bool
    n: int


flow = Flow("random", payload=Order)


@flow.step
def several(o: Order = flow.payload) -> list[Order]:
    return [o, Order(p=not o.p, q=o.q, n=o.n + 1)]


def grow(d):
    d["grown"] = "x"
    return d


def wrap(d):
    return {"wrapped": d}


def keep(d):
    return len(d)


def twice(v, more=0):
    return {"twice": v * 2, "plain": v}


def deep(v, n):
    return twice(v) if n < 2 else {"deep": again(v)}


def again(v):
    return -v
"""
VALUES = ["o.n", "'text'", "None", "1.5", "True", "[1]", "['a']", "{'deep': o.n}", "{}", "a", "b"]
CONDITIONS = ["o.p", "o.q", "o.n > 1", "'k' in a", "len(b) > 1", "not a"]


class Maker:
    """Makes the source of one handler."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def handler(self, name: str, *, is_map: bool) -> str:
        lines = [
            "@flow.map" if is_map else "@flow.step",
            f"def {name}(o={'several.each' if is_map else 'flow.payload'}):",
            f"    a = {self._dict()}",
            f"    b = {self._dict()}",
            f"    xs = {self.rng.choice(['[]', '[1]', '[a]', '[o.n for _ in range(o.n)]'])}",
            *self._block(4, 2),
            f"    return {self._returned()}",
        ]
        return "\n".join(lines) + "\n\n\n"

    def _dict(self) -> str:
        keys = self.rng.sample(["k", "l", "m"], self.rng.randint(0, 2))
        simple = [value for value in VALUES if value not in ("a", "b")]
        return "{" + ", ".join(f"'{key}': {self.rng.choice(simple)}" for key in keys) + "}"

    def _block(self, indent: int, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.rng.randint(1, 2)):
            lines += self._statement(indent, depth)
        return lines

    def _statement(self, indent: int, depth: int) -> list[str]:
        pad = " " * indent
        kind = self.rng.random()
        if depth and kind < 0.25:
            lines = [f"{pad}if {self.rng.choice(CONDITIONS)}:", *self._block(indent + 4, depth - 1)]
            if self.rng.random() < 0.4:
                lines += [f"{pad}else:", *self._block(indent + 4, depth - 1)]
            return lines
        if depth and kind < 0.35:
            return [f"{pad}for i in range(o.n):", *self._block(indent + 4, depth - 1)]
        if depth and kind < 0.42:
            return [
                f"{pad}try:",
                *self._block(indent + 4, depth - 1),
                f"{pad}except KeyError:",
                *self._block(indent + 4, depth - 1),
                *([f"{pad}finally:", *self._block(indent + 4, 0)] if kind < 0.38 else []),
            ]
        if kind < 0.5:
            return [f"{pad}return {self._returned()}"]
        return [pad + self._change()]

    def _change(self) -> str:
        d, key = self.rng.choice(["a", "b"]), self.rng.choice(["k", "l", "m", "z"])
        value = self.rng.choice(VALUES)
        followed = [
            f"{d}['{key}'] = {value}",
            f"{d}['{key}'] = {value}",
            f"{d}.update({{'{key}': {value}}})",
            f"{d}.update({key}={value})",
            f"{d} |= {{'{key}': {value}}}",
            f"{d}.pop('{key}', None)",
            f"{d}.setdefault('{key}', {value})",
            f"{d} = {self._dict()}",
            f"{d} = {{**{d}, '{key}': {value}}}",
            f"keep({d}.keys())",
            f"len({d})",
            f"xs.append({value})",
            f"xs += [{value}]",
            "a['n'] = 1; a['n'] += o.n",
        ]
        hostile = [
            f"{d}[str(o.n)] = {value}",
            f"{d} = {value}",
            f"{d} = grow({d})",
            f"{d} = wrap({d})",
            f"grow({d})",
            f"keep({d})",
            "del a['k']",
            "a['k']['deep'] = 'changed'",
            f"xs.extend([{value}, {value}])",
            "xs = [each for each in xs]",
            f"xs = sorted([{value}, {value}], key=str)",
            "b = a",
            "c = a; c['c'] = 1",
            "c = {'a': a, 'b': b}; c['a']['more'] = 's'",
            "for each in xs: a['each'] = each",
            "xs[0] = 'first'",
            "a.clear()",
        ]
        return self.rng.choice(hostile if self.rng.random() < 0.1 else followed)

    def _returned(self) -> str:
        return self.rng.choice(
            [
                *("a", "b", "xs", "(a, b)", "{'a': a, 'xs': xs}", "{**a, **b}", "{**a, 'n': o.n}"),
                *("a if o.p else b", "a or b", "a and xs", "wrap(a)", "grow(a)", "[a, b]"),
                *("twice(o.n)", "twice('x')", "[twice(1.5), twice(o.n)]", "deep(o.n, 1)"),
                *("deep(1.5, o.n)", "again(o.p)", "-again(1.5)", "[*twice(o.n).values()]"),
                *("[each for each in xs]", "a.get('k')", "a['k'] if 'k' in a else None", "dict(a)"),
                *("{'k': [a], 'l': {'m': b}}", "[*xs, a]", "sorted(xs, key=str)", "len(xs)"),
            ]
        )


@pytest.mark.parametrize("seed", range(4))
def test_random_handlers_return_nothing_that_their_schema_refuses(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    sources = {
        f"s{number}": Maker(rng).handler(f"s{number}", is_map=number % 3 == 0)
        for number in range(150)
    }
    folder = tmp_path / "flows"
    folder.mkdir()
    refused: set[str] = set()
    while True:
        kept = [source for name, source in sources.items() if name not in refused]
        (folder / "made.py").write_text(HEAD + "\n\n" + "".join(kept))
        (found,) = discover_flows(folder)
        try:
            inferred = infer_flows([found.flow])
        except ResultTypeError as error:
            more = set(re.findall(r": step '(\w+)' of flow", str(error)))
            assert more - refused
            refused |= more
            continue
        break
    flow = found.flow
    flow.adopt_types({step: one for (_, step), one in inferred.items()})
    spec = flow.compile()
    ran: set[str] = set()
    for p, q, n in [(p, q, n) for p in (True, False) for q in (True, False) for n in (0, 1, 3)]:
        payload: dict[str, Any] = {"p": p, "q": q, "n": n}
        for slug, result in run_handlers(flow, spec, payload):
            validator = jsonschema_rs.validator_for(spec.step(slug).result_schema)
            assert validator.is_valid(result), f"{sources[slug]}\n{payload} gave {result}"
            ran.add(slug)
    assert len(ran) > 30, "the net would catch nothing if everything were refused"
    assert sum(spec.step(slug).kind == "map" for slug in ran) > 5
