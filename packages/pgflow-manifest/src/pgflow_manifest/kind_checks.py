"""Checks of what a step says for its kind: lists, sleeps, signals, sub-flows, failure handlers."""

from collections.abc import Iterator, Mapping
from typing import Final

from pgflow_manifest.conditions import operands_of
from pgflow_manifest.models import FlowSpec, StepSpec
from pgflow_manifest.schema_values import fits
from pgflow_manifest.sources import EachInput, ErrorInput, ResultInput

_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "single": frozenset(),
    "map": frozenset({"over"}),
    "signal": frozenset(),
    "sleep": frozenset({"seconds", "until"}),
    "flow": frozenset({"over", "flow", "flow_step"}),
    "failure": frozenset(),
}
"""Which of the fields that belong to some kinds a step of each kind may have."""
_OF_SOME_KINDS: Final = ("over", "seconds", "until", "flow", "flow_step")
_WITHOUT_HANDLER: Final = frozenset({"signal", "sleep"})


def kind_problems(step: StepSpec) -> Iterator[tuple[str, str]]:
    """Yield what contradicts the kind of *step*: a pointer into the step, and what is wrong."""
    for name in _OF_SOME_KINDS:
        if getattr(step, name) is not None and name not in _FIELDS[step.kind]:
            yield f"/{name}", f"a {step.kind} step has no {name!r}"
    for name, source in step.inputs.items():
        if step.kind in _WITHOUT_HANDLER:
            yield f"/inputs/{name}", f"a {step.kind} step has no handler, and takes no arguments"
        elif isinstance(source, ErrorInput) and step.kind != "failure":
            yield (
                f"/inputs/{name}",
                "only a failure handler takes the error",
            )
        elif isinstance(source, EachInput) and step.kind != "map" and step.over is None:
            yield f"/inputs/{name}", f"argument {name!r} takes an item, but the step has no list"
    if step.kind == "sleep" and (step.seconds is None) == (step.until is None):
        yield "", f"sleep {step.slug!r} says either for how many `seconds` or `until` when"
    if isinstance(step.until, ResultInput) and step.until.step not in step.deps:
        yield "/until/step", f"the end is a result of {step.until.step!r}, which is not in deps"
    if step.kind == "flow":
        if step.flow is None:
            yield "/flow", f"step {step.slug!r} does not say which flow it starts"
        if list(step.inputs) != ["payload"]:
            yield "/inputs", "a step that starts a flow has the one argument 'payload'"
    yield from _outcome_problems(step)
    yield from _condition_problems(step)


def _outcome_problems(step: StepSpec) -> Iterator[tuple[str, str]]:
    cannot_fail = step.kind == "signal" or (step.kind == "sleep" and step.until is None)
    if cannot_fail and step.on_failure != "fail":
        yield "/on_failure", f"{step.kind} {step.slug!r} cannot fail, and has no `on_failure`"
    if step.kind != "signal" or step.options.timeout_seconds is None:
        return
    if fits(step.result_schema, step.result_schema, None) is False:
        text = (
            f"signal {step.slug!r} has a timeout, after which its result is null, which its schema "
            "must allow"
        )
        yield "/result_schema", text


def _condition_problems(step: StepSpec) -> Iterator[tuple[str, str]]:
    if step.when is None:
        if step.when_unmet != "skip":
            yield "/when_unmet", f"step {step.slug!r} has no condition that could be unmet"
        return
    for at, operand in operands_of(step.when, "/when"):
        if isinstance(operand, ResultInput) and operand.step not in step.deps:
            text = f"the condition looks at the result of {operand.step!r}, which is not in deps"
            yield f"{at}/step", text


def failure_problems(flow: FlowSpec) -> Iterator[tuple[str, str]]:
    """Yield what is wrong about the failure handler of *flow*: a pointer, and what it is."""
    handlers = [index for index, step in enumerate(flow.steps) if step.kind == "failure"]
    for index in handlers:
        step, at = flow.steps[index], f"/steps/{index}"
        if index != len(flow.steps) - 1:
            yield (
                at,
                f"failure handler {step.slug!r} must be the last step, and the only one",
            )
        if step.deps:
            yield f"{at}/deps", "a failure handler waits for the failure only, and has no deps"
        if step.when is not None:
            yield f"{at}/when", "a failure handler has no condition"
        if step.on_failure != "fail":
            yield f"{at}/on_failure", "a failure handler has no `on_failure`"
    slugs = {flow.steps[index].slug for index in handlers}
    for index, step in enumerate(flow.steps):
        if not slugs.isdisjoint(step.deps):
            yield f"/steps/{index}/deps", "no step can wait for the failure handler"
    if len(handlers) == len(flow.steps):
        yield "/steps", "a flow needs a step beside its failure handler"
