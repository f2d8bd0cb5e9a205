"""Turn flows into the manifest: the one form that everything outside the worker reads.

Pure: no files, no database, the same bytes for the same definitions. Next:
`pgflow_manifest.models`, which says what stands in a manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pgflow_dsl.handlers import first_paragraph
from pgflow_dsl.source import Source
from pgflow_dsl.step import Step
from pgflow_dsl.waiting import UNTIL
from pgflow_manifest import (
    CycleFoundError,
    DependencyCycleError,
    DuplicateStepError,
    EachInput,
    ErrorInput,
    FlowSpec,
    Input,
    Manifest,
    PayloadInput,
    ResultInput,
    StepSpec,
    topological_order,
    with_digests,
)

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow

_NO_DIGEST = "0" * 64


def compile_flow(flow: Flow[Any]) -> FlowSpec:
    """Return the manifest's part about *flow*, which must have been checked."""
    try:
        order = topological_order({slug: step.deps for slug, step in flow.steps.items()})
        # the failure handler has no deps, but comes after everything else
        order.sort(key=lambda slug: flow.steps[slug].kind == "failure")
    except CycleFoundError as error:
        raise flow.location.error(
            DependencyCycleError,
            f"the steps wait for each other in a circle: {error}",
            hint="remove one of these from `after` or from the arguments",
            cycle=list(error.cycle),
        ) from None
    return with_digests(
        FlowSpec(
            slug=flow.slug,
            description=first_paragraph(flow.description),
            client_startable=flow.client_startable,
            payload_schema=flow.payload_json_type().schema,
            options=flow.options,
            steps=tuple(_compile_step(flow.steps[slug]) for slug in order),
            digest=_NO_DIGEST,
        )
    )


def _compile_step(step: Step[Any]) -> StepSpec:
    binding = step.binding
    over, inputs = step.handler.over, dict[str, Input]()
    until = step.sources.get(UNTIL) if step.kind == "sleep" else None
    for name, source in step.sources.items():
        if source is until:
            continue
        path = binding.paths[name]
        if source.kind == "each":
            inputs[name] = EachInput(path=path)
        elif source.kind == "error":
            inputs[name] = ErrorInput(path=path)
        else:
            inputs[name] = _taken(source, path)
    return StepSpec(
        slug=step.slug,
        description=step.description,
        kind=step.kind,
        over=None if over is None else _taken(over, binding.over or ()),
        when=step.condition,
        when_unmet=step.conduct.when_unmet,
        on_failure=step.conduct.on_failure,
        deps=step.deps,
        inputs=inputs,
        flow=None if step.sub_flow is None else step.sub_flow[0].slug,
        flow_step=None if step.sub_flow is None else step.sub_flow[1].slug,
        seconds=step.seconds,
        until=None if until is None else _taken(until, binding.paths[UNTIL]),
        result_schema=binding.result.schema,
        inferred=step.inferred,
        options=step.options,
        digest=_NO_DIGEST,
    )


def _taken(source: Source, path: tuple[str | int, ...]) -> PayloadInput | ResultInput:
    if source.step is None:
        return PayloadInput(path=path)
    return ResultInput(step=source.step.slug, path=path)


def compile_flows(flows: Iterable[Flow[Any]]) -> Manifest:
    """Return the manifest of *flows*, sorted by slug.

    Raises:
        DuplicateStepError: two flows have one slug.
        DefinitionError: a flow is wrong.
    """
    by_slug: dict[str, Flow[Any]] = {}
    for flow in flows:
        if (other := by_slug.setdefault(flow.slug, flow)) is not flow:
            raise flow.location.error(
                DuplicateStepError,
                f"another flow has this slug, at {other.location.at}",
                hint="give one of them another slug",
            )
    return Manifest(flows=tuple(by_slug[slug].compile() for slug in sorted(by_slug)))
