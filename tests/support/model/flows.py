"""Graphs for the model: steps and maps over payloads and results, with few attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from tests.support.builders import a_flow, a_map, a_step

from pgflow_manifest import (
    EachInput,
    FlowOptions,
    FlowSpec,
    Input,
    JsonSchema,
    PayloadInput,
    ResultInput,
    StepSpec,
)

SLUG: Final = "flow"
MOST_STEPS: Final = 6
# A number is a result as well as a list is, and a map over it cannot begin.
RESULT: Final[JsonSchema] = {"type": ["integer", "array"]}
ITEM: Final[JsonSchema] = {"type": "integer"}

payloads: Final[st.SearchStrategy[Any]] = st.sampled_from([[1, 2, 3], [1, 2], [1], [], [4, 5], 5])
numbers: Final = st.integers(0, 9)
"""What a handler makes of its arguments; see `result_of`."""

_LISTS: Final[list[Any]] = [[1, 2], [3, 4, 5], [6], [7, 8], [], [9], 5, [1, 2, 3], [0, 0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One step as Hypothesis draws it: after which of the steps before it, and what it is."""

    after: frozenset[int]
    is_map: bool
    takes_payload: bool

    def step(self, number: int) -> StepSpec:
        """Return the step; it is called by its place in the flow."""
        slug, deps = f"s{number}", [f"s{dep}" for dep in sorted(self.after) if dep < number]
        inputs: dict[str, Input] = {dep: ResultInput(step=dep) for dep in deps}
        if self.takes_payload:
            inputs["payload"] = PayloadInput()
        if not self.is_map:
            return a_step(slug, *deps, inputs=inputs, result_schema=RESULT)
        inputs["item"] = EachInput()
        over = ResultInput(step=deps[0]) if deps else PayloadInput()
        return a_map(slug, over, *deps, inputs=inputs, item_schema=ITEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """How often a task is tried, and when again; nothing is left to luck."""

    most: int
    base: float
    cap: float

    def options(self) -> FlowOptions:
        """Return them as options of a flow."""
        return FlowOptions(
            max_attempts=self.most,
            base_delay_seconds=self.base,
            max_delay_seconds=self.cap,
            jitter=0,
        )


shapes: Final = st.builds(
    Shape,
    after=st.frozensets(st.integers(0, MOST_STEPS - 2), max_size=3),
    is_map=st.booleans(),
    takes_payload=st.booleans(),
)
graphs: Final = st.lists(shapes, min_size=1, max_size=MOST_STEPS - 1)


def result_of(step: StepSpec, number: int) -> Any:
    """Return the result that a number stands for: 9 does not fit, the others mostly do."""
    if number == 9:
        return "unfit"
    return number if step.kind == "map" else _LISTS[number]


def attempts(at_least: int = 1) -> st.SearchStrategy[Attempts]:
    """Return options; an invariant wants that a deployment takes no attempt away."""
    return st.builds(
        Attempts,
        most=st.sampled_from([n for n in (2, 1, 3) if n >= at_least]),
        base=st.sampled_from([0.0, 2.0, 5.0]),
        cap=st.sampled_from([5.0, 300.0]),
    )


def flow_of(graph: Sequence[Shape], chosen: Attempts) -> FlowSpec:
    """Return the flow of some shapes."""
    steps = [shape.step(number) for number, shape in enumerate(graph)]
    return a_flow(SLUG, *steps, options=chosen.options())


def with_options(flow: FlowSpec, chosen: Attempts) -> FlowSpec:
    """Return *flow* with other options, which change no digest."""
    return flow.model_copy(update={"options": chosen.options()})


def with_one_more(flow: FlowSpec, shape: Shape) -> FlowSpec:
    """Return the next version of *flow*: one more step, which comes last."""
    return a_flow(flow.slug, *flow.steps, shape.step(len(flow.steps)), options=flow.options)
