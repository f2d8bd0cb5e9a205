"""Run a flow in memory: for users' unit tests, and as the oracle of the engine's own tests.

Arguments and results go through the same JSON as in production, so what cannot be stored fails
here too. Only what an un-annotated handler returned, while its type was not inferred, is handed on
as it is: a copy for each handler that takes it. There is no database, no lease and no waiting: time
passes on a clock of its own. Next: `in_memory_run.py`, a run; `virtual_clock.py`, its time;
`in_memory_values.py`, what it knows; and `in_memory_outcome.py`, what it came to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pgflow_dsl.in_memory_outcome import FlowTestFailedError, StepTime, TestRun
from pgflow_dsl.in_memory_run import Run, World
from pgflow_dsl.in_memory_signals import Signals, at, deliveries
from pgflow_dsl.payloads import payload_document
from pgflow_dsl.replacements import Replacements, callees
from pgflow_dsl.virtual_clock import VirtualClock
from pgflow_manifest import DefinitionError, InvalidArgumentError, PgflowError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow

__all__ = [
    "FlowTestFailedError",
    "Replacements",
    "Signals",
    "StepTime",
    "TestRun",
    "at",
    "run_in_memory",
    "run_in_memory_blocking",
]


def run_in_memory_blocking(
    flow: Flow[Any],
    payload: Any,
    replace: Replacements,
    signals: Signals,
    now: datetime | None,
) -> TestRun:
    """Do what `run_in_memory` does, from code that is not async."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(run_in_memory(flow, payload, replace, signals, now))
    raise PgflowError(
        f"flow {flow.slug!r}: `flow.test` was called while an event loop is running",
        hint="in async code write `await flow.test_async(...)`",
    )


async def run_in_memory(
    flow: Flow[Any],
    payload: Any,
    replace: Replacements,
    signals: Signals,
    now: datetime | None,
) -> TestRun:
    """Run *flow*, and return every result.

    Raises:
        FlowTestFailedError: the run failed, or waits for a signal that is not in *signals*.
        PayloadInvalidError: *payload*, or what a signal brings, does not fit.
        DefinitionError: a flow is wrong, or a key is no step, or no signal, of the flows.
        HandlerSignatureError: a replacement asks for an argument that the handler does not have.
        InvalidArgumentError: a time has no offset, or is before the start.
    """
    flows = list(_with_sub_flows(flow))
    for each in flows:
        each.check(uninferred_is_fine=True)
    start = _start(flow, now)
    steps = [step for each in flows for step in each.steps.values()]
    world = World(
        clock=VirtualClock(start),
        callees=callees(steps, replace),
        deliveries=deliveries(flows, signals, start),
    )
    for step in world.deliveries.keys() & world.callees.keys():
        raise DefinitionError(
            f"{step!r} is both in `signals` and in `replace`, where nothing is sent to it",
            hint="leave one of them out",
        )
    run = Run(world, flow, payload_document(flow, payload))
    run.begin()
    try:
        await world.clock.run_while(lambda: bool(world.open))
    finally:
        await world.clock.stop()
    error = _stuck(world) if world.open else run.error
    if error is not None:
        error.run = run.outcome()
        raise error
    return run.outcome()


def _with_sub_flows(flow: Flow[Any]) -> Iterator[Flow[Any]]:
    """Yield *flow*, the flows that it starts, and so on, each once."""
    seen: list[Flow[Any]] = [flow]
    for each in seen:
        yield each
        for step in each.steps.values():
            if step.sub_flow is not None and not any(step.sub_flow[0] is other for other in seen):
                seen.append(step.sub_flow[0])


def _start(flow: Flow[Any], now: datetime | None) -> datetime:
    if now is None:
        return datetime.now(UTC)
    if now.tzinfo is None:
        raise InvalidArgumentError(
            f"flow {flow.slug!r}: the time {now!r} at which the test begins has no offset",
            hint="write `datetime(..., tzinfo=UTC)`",
        )
    return now


def _stuck(world: World) -> FlowTestFailedError:
    """Return what is to be said when nothing can happen any more: a signal never comes."""
    step = next(step for run in world.runs for step in run.waiting_signals())
    return FlowTestFailedError(
        f"flow {step.flow_slug!r}: step {step.slug!r} waits for a signal, which the test does not "
        "send",
        hint=f"say what is sent, `signals={{{step.slug}: ...}}`, or give the signal a timeout, "
        "after which its result is None",
        flow_slug=step.flow_slug,
        step_slug=step.slug,
    )
