"""Show the types of flows: what `pgflow compile --show` prints."""

import sys
from collections.abc import Sequence
from typing import Any

from pgflow_cli.shape_text import shown_shape
from pgflow_cli.terminal import paint, table
from pgflow_dsl import Flow, Step
from pgflow_dsl.types.annotations import shown


def types_text(flows: Sequence[Flow[Any]]) -> str:
    """Return the types of *flows*, one table for each.

    Raises:
        DefinitionError: a flow is wrong, or the type of a step is not known.
    """
    parts: list[str] = []
    for flow in types_document(flows):
        heading = paint(flow["slug"], "bold", sys.stdout)
        rows = [(step["slug"], step["result"], step["origin"]) for step in flow["steps"]]
        steps = table(("STEP", "RESULT", "ORIGIN"), rows)
        parts.append(f"{heading} starts with {flow['payload']}\n{steps}")
    return "\n\n".join(parts)


def types_document(flows: Sequence[Flow[Any]]) -> list[dict[str, Any]]:
    """Return the same for scripts, sorted by slug; steps in the order of their definition."""
    return [
        {
            "slug": flow.slug,
            "payload": shown(flow.payload_json_type().annotation),
            "steps": [
                {"slug": step.slug, "result": _result(step), "origin": _origin(step)}
                for step in flow.steps.values()
            ],
        }
        for flow in flows
    ]


def _result(step: Step[Any]) -> str:
    if step.inferred is not None:
        return shown_shape(step.inferred.shape)
    return shown(step.binding.result.annotation)


def _origin(step: Step[Any]) -> str:
    return "annotated" if step.inferred is None else "inferred"
