"""Write flows as ordinary typed functions, compile them, test them in memory.

Read flow.py first, then step.py, source.py, handlers.py, binding.py and compile.py; what is known
about types is in `types/`. `discover_flows` (discover.py) is how worker and CLI find flows, and
`Flow.test` (in_memory.py) runs one without a database.
"""

from pgflow_dsl.compile import compile_flows
from pgflow_dsl.context import StepContext
from pgflow_dsl.discover import DiscoveredFlow, discover_flows
from pgflow_dsl.flow import Flow, StepDecorator
from pgflow_dsl.in_memory import FlowTestFailedError, TestRun
from pgflow_dsl.outcomes import Cancelled, GiveUp, Retry
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import Json

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
