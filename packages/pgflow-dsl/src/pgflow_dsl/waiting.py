"""Steps that wait instead of running a handler: for a signal, a time, or a run of another flow.

To the rest of the DSL they are steps like others: they have a handler that says what they take and
give, and is never called. Next: `compile.py`, what the manifest says, and `in_memory_waiting.py`,
what they do when a flow runs in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pgflow_dsl.conduct import read_conduct
from pgflow_dsl.defining import check_new_slug
from pgflow_dsl.handlers import Handler, read_after, read_item, read_source
from pgflow_dsl.location import location_of_caller
from pgflow_dsl.options import step_options
from pgflow_dsl.source import Source
from pgflow_dsl.step import Step
from pgflow_dsl.types.json_type import or_null, payload_type
from pgflow_manifest import DefinitionError, PgflowError, StepKind, StepOptions, UnknownDepError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.location import Location

UNTIL: Final = "until"
"""The argument of a sleep's handler that takes its end."""
PAYLOAD: Final = "payload"
"""The argument of a sub-flow's handler that takes what its run starts with."""
LONGEST: Final = 3_155_760_000
"""The most seconds that a sleep takes: 100 years."""


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

    step = _step(
        flow,
        kind="signal",
        returned=payload if timeout is None else payload | None,
        options=step_options(location, timeout=timeout),
        after=after,
        conduct=conduct,
        location=location,
        description=description,
    )
    step.read_type = payload_type
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
    if seconds is not None and not 0 <= seconds <= LONGEST:
        raise location.error(
            DefinitionError,
            f"seconds={seconds!r} is out of range",
            hint=f"seconds takes a number from 0 to {LONGEST:,} (100 years)",
        )
    sources: dict[str, Source] = {}
    if until is not None:
        sources[UNTIL] = read_source(until, UNTIL, flow, location)

    step = _step(
        flow,
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
    of_items: bool = False,
) -> Step[Any]:
    """Add a step that starts a run of another flow, or one for each item of a list.

    See `Flow.sub_flow` and `Flow.map_sub_flow`.
    """
    location = _location(flow, slug)
    if sub_flow.steps.get(result.slug) is not result:
        raise location.error(
            UnknownDepError,
            f"`result` is step {result.slug!r}, which is not of flow {sub_flow.slug!r}",
            hint="name a step of the flow that is started",
        )

    read, whole = read_item if of_items else read_source, result.result_json_type()
    step = _step(
        flow,
        kind="flow",
        returned=(or_null(whole) if result.may_be_null else whole).annotation,
        options=step_options(location),
        after=after,
        conduct=conduct,
        location=location,
        description=description,
        sources={PAYLOAD: read(payload, PAYLOAD, flow, location)},
        takes=sub_flow.payload_type,
    )
    step.sub_flow, step.read_type = (sub_flow, result), result.read_type
    return _added(flow, step)


def _location(flow: Flow[Any], slug: str) -> Location:
    location = replace(location_of_caller(flow.slug), step_slug=slug)
    check_new_slug(flow, slug, location)
    return location


def _step(
    flow: Flow[Any],
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

    def fn(**_: Any) -> NoReturn:
        raise PgflowError(
            f"step {slug!r} of flow {flow.slug!r} waits, and has no handler to call",
            hint="run the flow with `flow.test`, where waiting takes no time",
        )

    fn.__name__, fn.__doc__ = slug, description
    fn.__annotations__ = {"return": returned, **dict.fromkeys(sources, takes)}
    handler = Handler(
        fn=fn,
        kind=kind,
        location=location,
        is_async=False,
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
