"""Add a step to a flow: read the handler, and check at once what can be checked.

Next: `handlers.py`, which reads signatures, and `step.py`, what comes out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pgflow_dsl.conduct import read_conduct
from pgflow_dsl.handlers import read_after, read_handler
from pgflow_dsl.location import Location, user_frame
from pgflow_dsl.options import step_options
from pgflow_dsl.step import Step
from pgflow_manifest import DuplicateStepError, InvalidSlugError, StepKind, slug_problem

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow


def add_step(
    flow: Flow[Any],
    fn: Callable[..., Any],
    *,
    kind: StepKind,
    slug: str | None,
    options: Mapping[str, Any],
    conduct: Mapping[str, Any] | None = None,
    after: tuple[Step[Any], ...] = (),
) -> Step[Any]:
    """Make a step of *fn*, called as the function is unless *slug* says else, and add it.

    Raises:
        DefinitionError: a subclass says what is wrong with slug, arguments or types.
        OptionOutOfRangeError: an option is out of range.
    """
    name: str = getattr(fn, "__name__", type(fn).__name__)
    slug = name if slug is None else slug
    location = flow.location.at_step(slug, fn)
    hint = f'rename the handler, or give it `@flow.{_DECORATORS[kind]}(slug="another_slug")`'
    check_new_slug(flow, slug, location, hint)
    if kind == "failure" and (other := flow.failure_handler) is not None:
        raise location.error(
            DuplicateStepError,
            f"the flow already has a failure handler, {other.slug!r}, at {other.location.at}",
            hint="do in that one what this one was for",
        )
    step = Step[Any](
        slug=slug,
        flow=flow,
        handler=read_handler(fn, kind, flow, location),
        options=step_options(location, **options),
        after=read_after(after, flow, location),
        conduct=read_conduct(flow, location, **(conduct or {})),
        local_names=_local_names(fn),
    )
    step.check_early()
    flow.steps[slug] = step
    return step


def maker(
    flow: Flow[Any],
    kind: StepKind,
    *,
    slug: str | None,
    options: Mapping[str, Any],
    conduct: Mapping[str, Any] | None = None,
    after: tuple[Step[Any], ...] = (),
) -> Callable[[Callable[..., Any]], Step[Any]]:
    """Return what makes a step of a handler, as the decorators of a flow do."""

    def make(handler: Callable[..., Any]) -> Step[Any]:
        return add_step(
            flow, handler, kind=kind, slug=slug, options=options, conduct=conduct, after=after
        )

    return make


_DECORATORS: Mapping[StepKind, str] = {
    "single": "step",
    "map": "map",
    "failure": "on_failure",
}


def check_new_slug(
    flow: Flow[Any], slug: str, location: Location, hint: str = "give it another slug"
) -> None:
    """Refuse what is no slug, or that of another step.

    Raises:
        InvalidSlugError: it breaks the slug rule.
        DuplicateStepError: the flow has a step of that slug.
    """
    check_slug(slug, location)
    if (other := flow.steps.get(slug)) is not None:
        raise location.error(
            DuplicateStepError,
            f"the flow already has a step {slug!r}, at {other.location.at}",
            hint=hint,
        )


def check_slug(slug: object, location: Location) -> None:
    """Refuse what is no slug; raises `InvalidSlugError`."""
    problem = slug_problem(slug) if isinstance(slug, str) else f"{slug!r} is not a text"
    if problem is not None:
        raise location.error(
            InvalidSlugError,
            problem,
            hint="use letters, digits and underscores; the slug is the name in the database",
        )


def _local_names(fn: Callable[..., Any]) -> Mapping[str, Any] | None:
    """Return the names of the function in which *fn* is defined, for annotations kept as text."""
    frame = user_frame()
    is_module_level = frame.f_locals is frame.f_globals
    inner = inspect.unwrap(fn)
    if is_module_level or getattr(inner, "__globals__", None) is not frame.f_globals:
        return None
    return dict(frame.f_locals)
