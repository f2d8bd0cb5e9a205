"""The type variables of references, handles and runs: what is known of a flow statically.

Their defaults are what is known of a flow that is only named by its slug.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from typing_extensions import TypeVar

from pgflow_client.json_value import Json

PayloadT_contra = TypeVar("PayloadT_contra", contravariant=True)

OutputT = TypeVar("OutputT", default=Json)
OutputT_co = TypeVar("OutputT_co", covariant=True, default=Json)
"""The run output: an object of the results of the leaf steps."""

ResultsT = TypeVar("ResultsT", default=Callable[[str], Json])
ResultsT_co = TypeVar("ResultsT_co", covariant=True, default=Callable[[str], Json])
"""A function from the slug of a step to its result. Generated modules have overloads by slug."""

AsyncResultsT = TypeVar("AsyncResultsT", default=Callable[[str], Coroutine[Any, Any, Json]])
AsyncResultsT_co = TypeVar(
    "AsyncResultsT_co", covariant=True, default=Callable[[str], Coroutine[Any, Any, Json]]
)
"""The same function, for asyncio."""

SignalsT_co = TypeVar("SignalsT_co", covariant=True, default=None)
"""An object with a `SignalRef` for each signal of the flow; None where there is none."""

SignalPayloadT_contra = TypeVar("SignalPayloadT_contra", contravariant=True)
