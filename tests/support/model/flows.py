"""Graphs for the model: steps and maps over payloads and results, with few attempts."""

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
# A number is a result as well as a list is, and a map over it cannot begin.
RESULT: Final[JsonSchema] = {"type": ["integer", "array"]}
ITEM: Final[JsonSchema] = {"type": "integer"}

payloads: Final[st.SearchStrategy[Any]] = st.sampled_from([[], [1], [1, 2], [1, 2, 3], 5])
results: Final[st.SearchStrategy[Any]] = st.sampled_from([[1, 2], 7, [3], 8, [], "unfit"])


@st.composite
def steps(draw: st.DrawFn, slug: str, before: tuple[str, ...]) -> StepSpec:
    """Return one more step of a graph."""
    deps = tuple(dep for dep in before if draw(st.booleans()))
    inputs: dict[str, Input] = {dep: ResultInput(step=dep) for dep in deps}
    if draw(st.booleans()):
        inputs["payload"] = PayloadInput()
    if draw(st.integers(0, 2)) == 0:
        over = ResultInput(step=deps[0]) if deps else PayloadInput()
        return a_map(slug, over, *deps, inputs={**inputs, "item": EachInput()}, item_schema=ITEM)
    return a_step(slug, *deps, inputs=inputs, result_schema=RESULT)


@st.composite
def flows(draw: st.DrawFn) -> FlowSpec:
    """Return a graph of up to five steps."""
    slugs = tuple(f"s{number}" for number in range(draw(st.integers(1, 5))))
    drawn = [draw(steps(slug, slugs[:number])) for number, slug in enumerate(slugs)]
    return a_flow(SLUG, *drawn, options=draw(options()))


@st.composite
def options(draw: st.DrawFn, at_least: int = 1) -> FlowOptions:
    """Return options that leave nothing to luck."""
    return FlowOptions(
        max_attempts=draw(st.integers(at_least, max(at_least, 3))),
        base_delay_seconds=draw(st.sampled_from([0.0, 2.0, 5.0])),
        max_delay_seconds=draw(st.sampled_from([5.0, 300.0])),
        jitter=0,
    )


def with_options(flow: FlowSpec, chosen: FlowOptions) -> FlowSpec:
    """Return *flow* with other options, which change no digest."""
    return flow.model_copy(update={"options": chosen})


def with_one_more(flow: FlowSpec, step: StepSpec) -> FlowSpec:
    """Return the next version of *flow*: *step* comes last."""
    return a_flow(flow.slug, *flow.steps, step, options=flow.options)


def drawn_as(flow: FlowSpec) -> str:
    """Return *flow* in one line: `s0, s1 <- s0, map s2 over s1 <- s0 s1; 3 attempts`."""
    return f"{', '.join(_drawn_as(step) for step in flow.steps)}; {_told(flow.options)}"


def _drawn_as(step: StepSpec) -> str:
    after = f" <- {' '.join(step.deps)}" if step.deps else ""
    if step.over is None:
        return f"{step.slug}{after}"
    over = step.over.step if isinstance(step.over, ResultInput) else "payload"
    return f"map {step.slug} over {over}{after}"


def _told(chosen: FlowOptions) -> str:
    return (
        f"{chosen.max_attempts} attempts, {chosen.base_delay_seconds:g} to"
        f" {chosen.max_delay_seconds:g} s apart"
    )
