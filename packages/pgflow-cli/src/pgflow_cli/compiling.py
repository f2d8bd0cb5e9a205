"""Compile a folder of flows."""

from pathlib import Path

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import Manifest


def compile_folder(flows: Path) -> Manifest:
    """Import every flow below *flows* and return their manifest.

    Raises:
        DefinitionError: a module cannot be imported or a flow is wrong; names file, flow and step.
    """
    return compile_flows([found.flow for found in discover_flows(flows)])
