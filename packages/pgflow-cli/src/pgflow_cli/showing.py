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
        names = ["slug", "result", "origin"]
        if any("over" in step for step in flow["steps"]):
            names.insert(1, "over")
        rows = [[step.get(name, "") for name in names] for step in flow["steps"]]
        steps = table([name.upper().replace("SLUG", "STEP") for name in names], rows)
        parts.append(f"{heading} starts with {flow['payload']}\n{steps}")
    return "\n\n".join(parts)


def types_document(flows: Sequence[Flow[Any]]) -> list[dict[str, Any]]:
    """Return the same for scripts, sorted by slug; steps in the order of their definition."""
    for flow in flows:
        flow.check()
    return [
        {
            "slug": flow.slug,
            "payload": shown(flow.payload_json_type().annotation),
            "steps": [_step(step) for step in flow.steps.values()],
        }
        for flow in flows
    ]


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
