"""The flows of the benchmarks as one manifest."""

from functools import cache

from benchmarks.measure import FLOWS_DIR

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import Manifest


@cache
def compile_all() -> Manifest:
    """Return the manifest of every flow that is measured."""
    return compile_flows([found.flow for found in discover_flows(FLOWS_DIR)])
