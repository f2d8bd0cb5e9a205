"""Compile a folder of flows."""

from pathlib import Path
from typing import Any

from pgflow_dsl import Flow, compile_flows, discover_flows
from pgflow_manifest import Manifest


def compile_folder(flows: Path) -> Manifest:
    """Import every flow below *flows*, infer what is not annotated, and return their manifest.

    Raises:
        DefinitionError: a module cannot be imported or a flow is wrong; names file, flow and step.
        ResultTypeError: what a handler without a return annotation returns cannot be inferred.
    """
    return compile_flows(typed_flows(flows))


def typed_flows(flows: Path) -> list[Flow[Any]]:
    """Import every flow below *flows*, and return them with the types of all steps known.

    Raises as `compile_folder`.
    """
    found = [each.flow for each in discover_flows(flows)]
    if any(flow.steps_to_infer for flow in found):
        # Most flows are annotated, and the type checker is optional.
        from pgflow_cli.inference import infer_flows  # noqa: PLC0415

        inferred = infer_flows(found)
        for flow in found:
            flow.adopt_types(
                {step: one for (slug, step), one in inferred.items() if slug == flow.slug}
            )
    return found
