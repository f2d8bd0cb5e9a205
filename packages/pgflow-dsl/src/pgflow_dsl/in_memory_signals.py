"""What a test sends to the signals of a flow, and when.

    flow.test(trip, signals={approval: Approval(ok=True), second: at(3600, Approval(ok=False))})

Next: `in_memory_waiting.py`, which delivers them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from pgflow_dsl.in_memory_values import Kept
from pgflow_dsl.payloads import stored
from pgflow_dsl.step import Step
from pgflow_dsl.types.bound import T
from pgflow_manifest import DefinitionError, InvalidArgumentError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


@dataclass(frozen=True, slots=True)
class Sent(Generic[T]):
    """A signal that comes at a time; made by `at`."""

    when: float | datetime
    payload: T


Signals: TypeAlias = Mapping[Step[Any], object]
"""By the step that waits for it, what is sent: a payload, at the start, or `at(when, payload)`."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A signal on its way."""

    seconds: float
    """When it comes, from the start of the test."""
    payload: Kept


def at(when: float | datetime, payload: T) -> Sent[T]:
    """Send *payload* at a time, in the `signals` of `flow.test`.

    Args:
        when: seconds from the start of the run, or a time with its offset.
        payload: as it would be sent at the start.
    """
    return Sent(when, payload)


def deliveries(
    flows: Iterable[Flow[Any]], signals: Signals, start: datetime
) -> dict[Step[Any], Delivery]:
    """Return by step what is sent, checked as the database would.

    Args:
        flows: the flow that is tested, and those that it starts.
        signals: what the test says.
        start: when the test begins.

    Raises:
        DefinitionError: a key is no signal of the flows.
        InvalidArgumentError: a time is before the start, or has no offset.
        PayloadInvalidError: what is sent does not fit the signal.
    """
    known = [step for flow in flows for step in flow.steps.values() if step.kind == "signal"]
    found: dict[Step[Any], Delivery] = {}
    for step, what in signals.items():
        if not any(step is other for other in known):
            names = ", ".join(other.slug for other in known) or "none"
            raise DefinitionError(
                f"`signals` has the key {step!r}, which is not a signal of the flow",
                hint=f"use what `flow.signal` returned as keys; the signals are: {names}",
            )
        sent: Sent[Any] = what if isinstance(what, Sent) else Sent(0, what)
        document, value = stored(
            sent.payload,
            step.result_json_type(),
            f"flow {step.flow_slug!r}",
            f"the payload of signal {step.slug!r}",
        )
        found[step] = Delivery(_seconds(step, sent.when, start), Kept(value, document))
    return found


def _seconds(step: Step[Any], when: float | datetime, start: datetime) -> float:
    if isinstance(when, datetime):
        seconds = -1.0 if when.tzinfo is None else (when - start).total_seconds()
    else:
        seconds = float(when)
    if not 0 <= seconds < math.inf:
        raise InvalidArgumentError(
            f"signal {step.slug!r} is sent at {when!r}, which is no time after the start",
            hint="say how many seconds after the start, or a time with its offset",
        )
    return seconds
