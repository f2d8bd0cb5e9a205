"""Write flows as ordinary typed functions, compile them, test them in memory.

Start with `Flow` (flow.py); `discover_flows` (discover.py) is how worker and CLI find them.
"""

from pgflow_dsl.compile import compile_flows
from pgflow_dsl.context import StepContext
from pgflow_dsl.discover import DiscoveredFlow, discover_flows
from pgflow_dsl.flow import Flow, StepDecorator
from pgflow_dsl.outcomes import Cancelled, GiveUp, Retry
from pgflow_dsl.step import Step
from pgflow_dsl.testing import FlowTestFailedError, TestRun
from pgflow_dsl.types import Json

__all__ = [
    "Cancelled",
    "DiscoveredFlow",
    "Flow",
    "FlowTestFailedError",
    "GiveUp",
    "Json",
    "Retry",
    "Step",
    "StepContext",
    "StepDecorator",
    "TestRun",
    "compile_flows",
    "discover_flows",
]
