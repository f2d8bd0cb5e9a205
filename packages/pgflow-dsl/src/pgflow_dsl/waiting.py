"""Steps that wait instead of running a handler: for a signal, a time, or a run of another flow.

To the rest of the DSL they are steps like others: their handler is made here, and stands for them
when a flow runs in memory. No worker ever gets it. Next: `compile.py`, what the manifest says.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pgflow_dsl.conduct import read_conduct
from pgflow_dsl.defining import check_new_slug
from pgflow_dsl.handlers import Handler, read_after, read_source
from pgflow_dsl.location import location_of_caller
from pgflow_dsl.options import step_options
from pgflow_dsl.outcomes import GiveUp
from pgflow_dsl.source import Source
from pgflow_dsl.step import Step
from pgflow_manifest import DefinitionError, StepKind, StepOptions, UnknownDepError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.location import Location

UNTIL: Final = "until"
"""The argument of a sleep's handler that takes its end."""
PAYLOAD: Final = "payload"
"""The argument of a sub-flow's handler that takes what its run starts with."""
_LONGEST: Final = 3_155_760_000


def add_signal(
    flow: Flow[Any],
    slug: str,
    payload: Any,
    *,
    timeout: float | None,
    conduct: Mapping[str, Any],
    after: tuple[Step[Any], ...],
    description: str,
) -> Step[Any]:
    """Add a step that completes when a signal is sent to the run; see `Flow.signal`."""
    location = _location(flow, slug)

    def receive() -> Any:
        if timeout is None:
            raise GiveUp(
                f"nobody sends signal {slug!r} here; say what is sent: replace={{{slug}: ...}}"
            )

    step = _step(
        flow,
        receive,
        kind="signal",
        returned=payload if timeout is None else payload | None,
        options=step_options(location, timeout=timeout),
        after=after,
        conduct=conduct,
        location=location,
        description=description,
    )
    return _added(flow, step)


def add_sleep(
    flow: Flow[Any],
    slug: str,
    *,
    seconds: float | None,
    until: Any,
    conduct: Mapping[str, Any],
    after: tuple[Step[Any], ...],
    description: str,
) -> Step[Any]:
    """Add a step that completes when a time has come; see `Flow.sleep`."""
    location = _location(flow, slug)
    if (seconds is None) == (until is None):
        raise location.error(
            DefinitionError,
            "a sleep takes either `seconds` or `until`",
            hint="write `seconds=60`, or `until=plan.result.at`",
        )
    if seconds is not None and not 0 <= seconds <= _LONGEST:
        raise location.error(
            DefinitionError,
            f"seconds={seconds!r} is out of range",
            hint=f"seconds takes a number from 0 to {_LONGEST:,} (100 years)",
        )
    sources: dict[str, Source] = {}
    if until is not None:
        sources[UNTIL] = read_source(until, UNTIL, flow, location)

    def pause(**_: Any) -> None:
        return None

    step = _step(
        flow,
        pause,
        kind="sleep",
        returned=None,
        options=step_options(location),
        after=after,
        conduct=conduct,
        location=location,
        description=description,
        sources=sources,
    )
    step.seconds = None if seconds is None else float(seconds)
    return _added(flow, step)


def add_sub_flow(
    flow: Flow[Any],
    slug: str,
    sub_flow: Flow[Any],
    *,
    payload: Any,
    result: Step[Any],
    conduct: Mapping[str, Any],
    after: tuple[Step[Any], ...],
    description: str,
) -> Step[Any]:
    """Add a step that starts a run of another flow, and ends as it ends; see `Flow.sub_flow`."""
    location = _location(flow, slug)
    if sub_flow.steps.get(result.slug) is not result:
        raise location.error(
            UnknownDepError,
            f"`result` is step {result.slug!r}, which is not of flow {sub_flow.slug!r}",
            hint="name a step of the flow that is started",
        )

    async def start(payload: Any) -> Any:
        return (await sub_flow.test_async(payload)).result(result)

    step = _step(
        flow,
        start,
        kind="flow",
        returned=result.result_json_type().annotation,
        options=step_options(location),
        after=after,
        conduct=conduct,
        location=location,
        description=description,
        sources={PAYLOAD: read_source(payload, PAYLOAD, flow, location)},
        takes=sub_flow.payload_type,
    )
    step.sub_flow = (sub_flow.slug, result.slug)
    return _added(flow, step)


def _location(flow: Flow[Any], slug: str) -> Location:
    location = replace(location_of_caller(flow.slug), step_slug=slug)
    check_new_slug(flow, slug, location)
    return location


def _step(
    flow: Flow[Any],
    fn: Callable[..., Any],
    *,
    kind: StepKind,
    returned: Any,
    options: StepOptions,
    conduct: Mapping[str, Any],
    after: tuple[Step[Any], ...],
    location: Location,
    description: str,
    sources: Mapping[str, Source] = MappingProxyType({}),
    takes: Any = datetime | float,
) -> Step[Any]:
    slug = location.step_slug or ""
    fn.__name__, fn.__doc__ = slug, description
    fn.__annotations__ = {"return": returned, **dict.fromkeys(sources, takes)}
    handler = Handler(
        fn=fn,
        kind=kind,
        location=location,
        is_async=inspect.iscoroutinefunction(fn),
        sources=sources,
        context_parameter=None,
        says_result=True,
    )
    return Step[Any](
        slug=slug,
        flow=flow,
        handler=handler,
        options=options,
        after=read_after(after, flow, location),
        conduct=read_conduct(flow, location, **conduct),
        local_names=None,
    )


def _added(flow: Flow[Any], step: Step[Any]) -> Step[Any]:
    step.check_early()
    flow.steps[step.slug] = step
    return step
