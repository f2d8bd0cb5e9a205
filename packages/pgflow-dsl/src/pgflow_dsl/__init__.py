"""Write flows as ordinary typed functions, compile them, test them in memory.

Read flow.py first, then step.py, source.py, handlers.py, binding.py, conditions.py and compile.py;
what is known about types is in `types/`. `discover_flows` (discover.py) is how worker and CLI find
flows, `Flow.test` (in_memory.py) runs one without a database, and `Flow.run` (running.py) starts
real runs. What handlers without annotations return is inferred elsewhere, and adopted by
adoption.py.
"""

from pgflow_dsl.compile import compile_flows
from pgflow_dsl.conditions import contains, is_null, length, not_, one_of, or_else
from pgflow_dsl.context import StepContext
from pgflow_dsl.decorators import MapDecorator, StepDecorator
from pgflow_dsl.discover import DiscoveredFlow, discover_flows
from pgflow_dsl.each_item import each
from pgflow_dsl.flow import Flow
from pgflow_dsl.handler_digest import handler_digest
from pgflow_dsl.in_memory import FlowTestFailedError, StepTime, TestRun, at
from pgflow_dsl.outcomes import Cancelled, GiveUp, Retry
from pgflow_dsl.run_error import RunError
from pgflow_dsl.running import AsyncStartedRun, StartedRun
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import Json

__all__ = [
    "AsyncStartedRun",
    "Cancelled",
    "DiscoveredFlow",
    "Flow",
    "FlowTestFailedError",
    "GiveUp",
    "Json",
    "MapDecorator",
    "Retry",
    "RunError",
    "StartedRun",
    "Step",
    "StepContext",
    "StepDecorator",
    "StepTime",
    "TestRun",
    "at",
    "compile_flows",
    "contains",
    "discover_flows",
    "each",
    "handler_digest",
    "is_null",
    "length",
    "not_",
    "one_of",
    "or_else",
]
