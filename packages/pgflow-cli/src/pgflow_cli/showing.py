"""Show the types and rules of flows: what `pgflow compile --show` prints."""

import sys
from collections.abc import Sequence
from typing import Any

from pgflow_cli.rules_text import rules_document, rules_of
from pgflow_cli.shape_text import shown_shape
from pgflow_cli.terminal import paint, table
from pgflow_dsl import Flow, Step
from pgflow_dsl.types.annotations import shown
from pgflow_manifest import FlowSpec


def types_text(flows: Sequence[Flow[Any]]) -> str:
    """Return the types of *flows*, one table for each, and what else holds for their steps.

    Raises:
        DefinitionError: a flow is wrong, or the type of a step is not known.
    """
    parts: list[str] = []
    for flow, spec in _compiled(flows):
        document = _document(flow, spec)
        heading = paint(flow.slug, "bold", sys.stdout)
        names = ["slug", "result", "origin"]
        if any("over" in step for step in document["steps"]):
            names.insert(1, "over")
        rows = [[step.get(name, "") for name in names] for step in document["steps"]]
        headings = [name.upper().replace("SLUG", "STEP") for name in names]
        rules = ["; ".join(rules_of(spec.step(slug))) for slug in flow.steps]
        if any(rules):
            headings.append("RULES")
            rows = [[*row, rule] for row, rule in zip(rows, rules, strict=True)]
        parts.append(f"{heading} starts with {document['payload']}\n{table(headings, rows)}")
    return "\n\n".join(parts)


def types_document(flows: Sequence[Flow[Any]]) -> list[dict[str, Any]]:
    """Return the same for scripts, sorted by slug; steps in the order of their definition."""
    return [_document(flow, spec) for flow, spec in _compiled(flows)]


def _compiled(flows: Sequence[Flow[Any]]) -> list[tuple[Flow[Any], FlowSpec]]:
    return [(flow, flow.compile()) for flow in flows]


def _document(flow: Flow[Any], spec: FlowSpec) -> dict[str, Any]:
    return {
        "slug": flow.slug,
        "payload": shown(flow.payload_json_type().annotation),
        "steps": [
            {**_step(step), **rules_document(spec.step(step.slug))} for step in flow.steps.values()
        ],
    }


def _step(step: Step[Any]) -> dict[str, str]:
    over = step.handler.over
    return {
        "slug": step.slug,
        "kind": step.kind,
        **({} if over is None else {"over": str(over)}),
        "result": _result(step),
        "origin": _origin(step),
    }


def _result(step: Step[Any]) -> str:
    if step.inferred is None:
        return shown(step.binding.result.annotation)
    returned = shown_shape(step.inferred.shape)
    return f"list[{returned}]" if step.kind == "map" else returned


def _origin(step: Step[Any]) -> str:
    return "annotated" if step.inferred is None else "inferred"
