"""Flows made by chance, maps among them: in memory, by the manifest and by plain Python alike."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from tests.support.as_a_worker import run_handlers

from pgflow_dsl import Flow, Step, each
from pgflow_dsl.compile import compile_flows
from pgflow_manifest import dump_manifest, load_manifest


class Part(BaseModel):
    """An item with parts to reach for."""

    n: int
    inner: list[int]


class Start(BaseModel):
    """What the flows start with."""

    parts: list[Part]
    ns: list[int]


parts = st.builds(Part, n=st.integers(-99, 99), inner=st.lists(st.integers(0, 9), max_size=3))
starts = st.builds(Start, parts=st.lists(parts, max_size=5), ns=st.lists(st.integers(), max_size=5))


class Made:
    """A flow, and what its steps must come to for one payload."""

    def __init__(self, start: Start) -> None:
        self.flow = Flow("made", payload=Start)
        self.expected: dict[str, Any] = {}
        payload: Any = self.flow.payload
        self.part_lists: list[tuple[Any, list[Part]]] = [(payload.parts, start.parts)]
        self.int_lists: list[tuple[Any, list[int]]] = [(payload.ns, start.ns)]

    def add(self, draw: st.DrawFn, slug: str) -> None:
        """Add a step called *slug* that goes over, or takes whole, some list there is."""
        takes_parts = draw(st.booleans())
        over, items = draw(st.sampled_from(self.part_lists if takes_parts else self.int_lists))
        if not draw(st.booleans()):
            self._add_single(slug, over, items)
        elif takes_parts:
            self._add_map_of_parts(slug, over, items)
        else:
            self._add_map_of_ints(slug, over, items, *draw(st.sampled_from(self.int_lists)))

    def _add_single(self, slug: str, over: Any, items: list[Any]) -> None:
        def single(whole=over) -> list[int]:  # type: ignore[no-untyped-def]  # of the type of its source
            return [len(whole)]

        step = self.flow.step(slug=slug)(single)
        self._take_in(step, [len(items)])

    def _add_map_of_parts(self, slug: str, over: Any, items: list[Part]) -> None:
        item: Any = each[over]

        def of_parts(n=item.n, inner=item.inner, whole=item) -> int:  # type: ignore[no-untyped-def]  # as above
            assert (whole.n, whole.inner) == (n, inner)
            return n + sum(inner)  # type: ignore[no-any-return]  # as above

        step = self.flow.map(slug=slug)(of_parts)
        self._take_in(step, [part.n + sum(part.inner) for part in items])

    def _add_map_of_ints(
        self, slug: str, over: Any, items: list[int], beside: Any, beside_value: list[int]
    ) -> None:
        def of_ints(n=each[over], others=beside) -> Part:  # type: ignore[no-untyped-def]  # as above
            return Part(n=n, inner=[len(others)])

        step: Step[Any] = self.flow.map(slug=slug)(of_ints)
        made = [Part(n=n, inner=[len(beside_value)]) for n in items]
        self.part_lists.append((step.result, made))
        self.expected[slug] = made

    def _take_in(self, step: Step[Any], value: list[int]) -> None:
        self.int_lists.append((step.result, value))
        self.expected[step.slug] = value


@given(st.data(), starts, st.integers(1, 8))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
def test_memory_manifest_and_plain_python_agree(data: st.DataObject, start: Start, n: int) -> None:
    made = data.draw(st.composite(lambda draw: _made(draw, start, n))())
    manifest = compile_flows([made.flow])
    assert load_manifest(dump_manifest(manifest)) == manifest
    run = made.flow.test(start)
    assert run.results == made.expected
    as_json = json.loads(json.dumps(to_jsonable_python(made.expected)))
    assert dict(run_handlers(made.flow, manifest.flow("made"), start)) == as_json


def _made(draw: st.DrawFn, start: Start, count: int) -> Made:
    made = Made(start)
    for number in range(count):
        made.add(draw, f"step_{number}")
    return made
