"""Adopt types as inference would, for tests that are not about inference."""

from collections.abc import Mapping
from typing import Any

from pgflow_dsl import Flow, handler_digest
from pgflow_manifest import InferredResult


def infer(flow: Flow[Any], shapes: Mapping[str, Any]) -> None:
    """Give every step of *flow* that needs it the type of that shape, in its JSON form."""
    flow.adopt_types(
        {
            step.slug: InferredResult.model_validate(
                {"shape": shapes[step.slug], "handler_digest": handler_digest(step.fn)}
            )
            for step in flow.steps_to_infer
        }
    )
