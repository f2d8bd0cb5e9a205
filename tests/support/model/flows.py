"""Flows for the model: one, the flow that its steps may start, and one that this may start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st
from tests.support.builders import a_flow, a_step
from tests.support.model.shapes import MOST_STEPS, PAYLOAD, RESULT, Shape, shapes

from pgflow_manifest import (
    ErrorInput,
    FlowOptions,
    FlowSpec,
    Input,
    PayloadInput,
    ResultInput,
    StepSpec,
)

SLUG: Final = "flow"
INNER: Final = {SLUG: "inner", "inner": "innermost"}
"""Which flow the steps of a flow start, where they start one."""

payloads: Final[st.SearchStrategy[Any]] = st.sampled_from([[1, 2, 3], [1, 2], [1], [], [4, 5], 5])
numbers: Final = st.integers(0, 9)
"""What a handler makes of its arguments; see `result_of`."""
graphs: Final = st.lists(shapes, min_size=1, max_size=MOST_STEPS - 1)
inner_graphs: Final = st.lists(shapes, min_size=1, max_size=2)

_LISTS: Final[list[Any]] = [[1, 2], [3, 4, 5], [6], [7, 8], [], [9], 5, [1, 2, 3], [0, 0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Options of a flow: how often a task is tried, when again, and how long all may take.

    Nothing is left to luck.
    """

    most: int
    base: float
    cap: float
    timeout: float | None
    deadline: float | None
    has_handler: bool

    def options(self) -> FlowOptions:
        """Return them as options of a flow."""
        return FlowOptions(
            max_attempts=self.most,
            base_delay_seconds=self.base,
            max_delay_seconds=self.cap,
            jitter=0,
            timeout_seconds=self.timeout,
            deadline_seconds=self.deadline,
        )


def result_of(step: StepSpec, number: int) -> Any:
    """Return the result that a number stands for: 9 does not fit, the others mostly do."""
    if number == 9:
        return "unfit"
    return number if step.kind == "map" else _LISTS[number]


def choices(at_least: int = 1) -> st.SearchStrategy[Chosen]:
    """Return options; an invariant wants that a deployment takes no attempt away."""
    return st.builds(
        Chosen,
        most=st.sampled_from([n for n in (2, 1, 3) if n >= at_least]),
        base=st.sampled_from([0.0, 2.0, 5.0]),
        cap=st.sampled_from([5.0, 300.0]),
        timeout=st.sampled_from([None, 20.0]),
        deadline=st.sampled_from([*[None] * 5, 60.0]),
        has_handler=st.booleans(),
    )


def flows_of(
    graph: Sequence[Shape], inner: Sequence[Shape], innermost: Shape, chosen: Chosen
) -> list[FlowSpec]:
    """Return the flow of some shapes, after the flows that its steps may start."""
    graphs = {SLUG: graph, "inner": inner, "innermost": [innermost]}
    # a whole run has one deadline, or each of its parts would be another example
    calm = replace(chosen, deadline=None, has_handler=not chosen.has_handler)
    made: list[FlowSpec] = []
    for slug, shapes_of_it in graphs.items():
        if made and all(step.flow != slug for step in made[0].steps):
            break
        steps = [shape.step(number, INNER.get(slug)) for number, shape in enumerate(shapes_of_it)]
        options = chosen if slug == SLUG else calm
        if options.has_handler:
            steps.append(_handler())
        made.insert(0, a_flow(slug, *steps, options=options.options(), payload_schema=PAYLOAD))
    return made


def _handler() -> StepSpec:
    inputs: dict[str, Input] = {
        "code": ErrorInput(path=("code",)),
        "failed": ErrorInput(path=("step",)),
        "payload": PayloadInput(),
        "first": ResultInput(step="s0"),
    }
    step = a_step("undo", inputs=inputs, result_schema=RESULT)
    return step.model_copy(update={"kind": "failure"})


def with_options(flow: FlowSpec, chosen: Chosen) -> FlowSpec:
    """Return *flow* with other options, which change no digest."""
    return flow.model_copy(update={"options": chosen.options()})


def with_one_more(flow: FlowSpec, shape: Shape) -> FlowSpec:
    """Return the next version of *flow*: one more step, which comes last but for its handler."""
    handler = [step for step in flow.steps if step.kind == "failure"]
    steps = [step for step in flow.steps if step.kind != "failure"]
    steps.append(shape.step(len(steps), INNER[SLUG]))
    return a_flow(
        flow.slug, *steps, *handler, options=flow.options, payload_schema=flow.payload_schema
    )


def signal_of(number: int) -> Any:
    """Return the payload that a number stands for: 9 does not fit, 8 only with a timeout."""
    return {9: "unfit", 8: None}.get(number, _LISTS[number % 3])
