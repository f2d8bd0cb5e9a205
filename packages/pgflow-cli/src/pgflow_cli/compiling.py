"""Compile a folder of flows."""

from pathlib import Path
from typing import Any

from pgflow_dsl import Flow, compile_flows, discover_flows
from pgflow_manifest import Manifest


def compile_folder(flows: Path) -> Manifest:
    """Import every flow below *flows* and return their manifest.

    Raises:
        DefinitionError: a module cannot be imported or a flow is wrong; names file, flow and step.
    """
    return compile_flows(typed_flows(flows))


def typed_flows(flows: Path) -> list[Flow[Any]]:
    """Import every flow below *flows*, and return them with the types of all steps known.

    Raises as `compile_folder`.
    """
    return [found.flow for found in discover_flows(flows)]
