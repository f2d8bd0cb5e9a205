"""The flows of the benchmarks as one manifest."""

from functools import cache

from benchmarks.contenders.pgflow_map import has_maps, map_flow
from benchmarks.measure import FLOWS_DIR

from pgflow_dsl import compile_flows, discover_flows
from pgflow_manifest import Manifest


@cache
def compile_all() -> Manifest:
    """Return the manifest of every flow that is measured."""
    found = discover_flows(FLOWS_DIR)
    if has_maps():
        with map_flow() as file:
            found += discover_flows(file)
    return compile_flows([one.flow for one in found])
