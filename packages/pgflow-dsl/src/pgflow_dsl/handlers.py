"""Read the signature of a handler: which arguments, from which sources, sync or async.

Everything here is known without resolving an annotation, so it is checked the moment the
decorator runs. Next: `binding.py`, which adds the types.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pgflow_dsl.items import check_items
from pgflow_dsl.location import Location
from pgflow_dsl.source import Source, source_of
from pgflow_manifest import (
    HandlerSignatureError,
    InvalidSlugError,
    StepKind,
    UnknownDepError,
    slug_problem,
)

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A user's function, and where each of its arguments comes from."""

    fn: Callable[..., Any]
    kind: StepKind
    location: Location
    is_async: bool
    sources: Mapping[str, Source]
    """By parameter name; without the context."""
    context_parameter: str | None
    says_result: bool
    """Whether the return type is annotated; otherwise it is inferred when the flow is compiled."""

    @property
    def over(self) -> Source | None:
        """Where the list of a map step, or of a map of sub-flows, is; None in other steps."""
        return next((s.over for s in self.sources.values() if s.over is not None), None)

    @property
    def is_map(self) -> bool:
        """Whether the step goes over a list, with a task or a run of a sub-flow for each item."""
        return self.over is not None

    @property
    def title(self) -> str:
        """How errors about values call it, such as "step 'merge' of flow 'voice_memo'"."""
        return f"step {self.location.step_slug!r} of flow {self.location.flow_slug!r}"


def read_handler(
    fn: Callable[..., Any], kind: StepKind, flow: Flow[Any], location: Location
) -> Handler:
    """Return what the signature of *fn* says.

    Raises:
        HandlerSignatureError: an argument without source, or of a kind that cannot be passed by
            name; a generator; the context asked for twice; items of a list where the step is no
            map, none where it is one, or of two lists.
        UnknownDepError: a source of another flow.
    """
    inner = inspect.unwrap(fn)
    if not inspect.isfunction(inner):
        raise location.error(
            HandlerSignatureError,
            f"a `{type(fn).__name__}` is not a function",
            hint="write the handler as a plain `def` or `async def` at module level",
        )
    if any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each)
        for each in (fn, inner)
    ):
        raise location.error(
            HandlerSignatureError,
            "a handler cannot be a generator: a step has one result",
            hint="collect what it yields in a list and return that",
        )
    signature = inspect.signature(fn)
    sources: dict[str, Source] = {}
    context_parameter: str | None = None
    for parameter in signature.parameters.values():
        source = _source_of_parameter(parameter, flow, location)
        if source.kind != "context":
            sources[parameter.name] = source
        elif context_parameter is None:
            context_parameter = parameter.name
        else:
            raise location.error(
                HandlerSignatureError,
                f"the arguments {context_parameter!r} and {parameter.name!r} both take "
                "`flow.context`",
                hint="keep one of them",
                argument=parameter.name,
            )
    check_items(sources, kind, location)
    for name, source in sources.items():
        _check_goes_with(name, source, kind, location)
    return Handler(
        fn=fn,
        kind=kind,
        location=location,
        is_async=inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(inner),
        sources=sources,
        context_parameter=context_parameter,
        says_result=signature.return_annotation is not inspect.Signature.empty,
    )


def read_after(after: Any, flow: Flow[Any], location: Location) -> tuple[Step[Any], ...]:
    """Return the steps that the option `after` names.

    Raises:
        HandlerSignatureError: something else than a tuple of steps.
        UnknownDepError: a step of another flow.
    """
    if not isinstance(after, tuple | list):
        raise location.error(
            HandlerSignatureError,
            f"`after` is a `{type(after).__name__}`, not a tuple of steps",
            hint="write `after=(first, second)`, or `after=(first,)` for a single step",
        )
    steps = tuple(cast("list[Any]", after))
    for step in steps:
        if not _is_step(step):
            raise location.error(
                HandlerSignatureError,
                f"`after` holds a `{type(step).__name__}`, which is not a step",
                hint="name the steps themselves, not their results or slugs",
            )
        if flow.steps.get(step.slug) is not step:
            raise location.error(
                UnknownDepError,
                f"`after` names step {step.slug!r}, which belongs to flow {step.flow_slug!r}",
                hint="a step can only wait for steps of its own flow",
            )
    return steps


def read_source(value: Any, name: str, flow: Flow[Any], location: Location) -> Source:
    """Return the part of the payload or of a result that the option *name* names.

    Raises:
        HandlerSignatureError: something else.
        UnknownDepError: of another flow.
    """
    source = source_of(value)
    if source is None or source.kind not in ("payload", "result"):
        of_item = source is not None and source.kind == "each"
        raise location.error(
            HandlerSignatureError,
            f"`{name}` must be a part of the payload or of a result"
            + (f", and `{source}` is an item of a list" if of_item else ""),
            hint="for a run for each item write `flow.map_sub_flow(...)`"
            if of_item
            else f"write `{name}=flow.payload.at` or `{name}=plan.result.at`",
        )
    check_owner(f"`{name}`", source, flow, location)
    return source


def read_item(value: Any, name: str, flow: Flow[Any], location: Location) -> Source:
    """Return the item of a list, or the part of one, that the option *name* names.

    Raises:
        HandlerSignatureError: something else.
        UnknownDepError: of another flow.
    """
    source = source_of(value)
    over = None if source is None else source.over
    if source is None or over is None:
        raise location.error(
            HandlerSignatureError,
            f"`{name}` must be an item of a list, of which each gets a run"
            + ("" if source is None else f", and `{source}` is none"),
            hint=f"write `{name}=<step>.each` or `{name}=each[flow.payload.<list>]`; for one run "
            "there is `flow.sub_flow(...)`",
        )
    check_owner(f"`{name}` takes", source, flow, location)
    if over.kind not in ("payload", "result") or over.if_completed:
        raise location.error(
            HandlerSignatureError,
            f"`{name}` takes `{source}`, which is no item of a list of the payload or of a result",
            hint="go over one list; where it is a list of lists, return a flat one from a step "
            "before",
        )
    return source


def _source_of_parameter(
    parameter: inspect.Parameter, flow: Flow[Any], location: Location
) -> Source:
    name = parameter.name
    kinds = inspect.Parameter
    if parameter.kind in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD):
        stars = "*" if parameter.kind is kinds.VAR_POSITIONAL else "**"
        raise location.error(
            HandlerSignatureError,
            f"`{stars}{name}` has no source: every argument names its own",
            hint=f"name the arguments one by one instead of `{stars}{name}`",
            argument=name,
        )
    if parameter.kind is kinds.POSITIONAL_ONLY:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} is positional-only, but arguments are passed by name",
            hint="remove the `/` from the signature",
            argument=name,
        )
    if (source := source_of(parameter.default)) is None:
        raise _no_source(parameter, location)
    if (problem := slug_problem(name)) is not None:
        raise location.error(
            InvalidSlugError,
            f"argument {problem}",
            hint="rename the argument; its name is stored in the database",
            argument=name,
        )
    check_owner(f"argument {name!r} takes", source, flow, location)
    return source


def _no_source(parameter: inspect.Parameter, location: Location) -> HandlerSignatureError:
    name, default = parameter.name, cast("object", parameter.default)
    hint = f"write `{name}: T = <step>.result`, `flow.payload` or `flow.context`"
    if default is inspect.Parameter.empty:
        text = f"argument {name!r} has no source"
    elif _is_step(default):
        slug = cast("Step[Any]", default).slug
        text = f"argument {name!r} has the step {slug!r} itself as its default, not its result"
        hint = f"write `{name} = {slug}.result`"
    elif isinstance(getattr(default, "steps", None), Mapping):
        text = f"argument {name!r} has the flow itself as its default"
        hint = f"write `{name} = flow.payload` or `{name} = flow.context`"
    else:
        text = f"argument {name!r} has no source: its default is a plain `{type(default).__name__}`"
        hint += "; a constant belongs into the body or the module"
    return location.error(HandlerSignatureError, text, hint=hint, argument=name)


def _is_step(value: object) -> bool:
    # By what it has: step.py imports this file.
    return isinstance(getattr(value, "sources", None), Mapping)


def check_owner(what: str, source: Source, flow: Flow[Any], location: Location) -> None:
    """Refuse a source of another flow, and parts of the context.

    Args:
        what: who takes it, as "argument 'text' takes".
        source: what is taken.
        flow: of the step that takes it.
        location: of that step.

    Raises:
        HandlerSignatureError: a part of the context.
        UnknownDepError: it is of another flow, or of the failure handler.
    """
    step = source.step
    if step is not None and flow.steps.get(step.slug) is not step:
        raise location.error(
            UnknownDepError,
            f"{what} `{source}`, but step {step.slug!r} belongs to {_of_flow(source.flow, flow)}",
            hint="a step can only wait for steps of its own flow; move one of them",
            source=str(source),
        )
    if step is not None and step.kind == "failure":
        raise location.error(
            UnknownDepError,
            f"{what} `{source}`, but {step.slug!r} is the failure handler, for which no step waits",
            hint="take the result of a step",
            source=str(source),
        )
    if source.flow is not flow:
        raise location.error(
            UnknownDepError,
            f"{what} `{source}` of {_of_flow(source.flow, flow)}",
            hint=f"take the {source.whole.kind} of the flow that the step belongs to",
            source=str(source),
        )
    if source.whole.kind == "context" and (source.whole.parts or source.over is not None):
        raise location.error(
            HandlerSignatureError,
            f"{what} `{source}`, a part of the context",
            hint=f"take the whole, `ctx: StepContext = flow.context`, and read "
            f"`ctx{''.join(map(str, source.whole.parts))}` in the body",
            source=str(source),
        )


def _check_goes_with(name: str, source: Source, kind: StepKind, location: Location) -> None:
    """Refuse what only the failure handler can take, and what it cannot.

    Raises:
        HandlerSignatureError: says which argument, and what to write.
    """
    if kind == "failure" and source.kind == "result" and not source.if_completed:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, but when a run has failed the step need not "
            "have completed",
            hint=f"write `{name}: T | None = {source.slug}.if_completed`",
            argument=name,
        )
    if kind == "failure":
        return
    if source.whole.kind == "error":
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, which there is only once the run has failed",
            hint="take it in the handler under `@flow.on_failure`",
            argument=name,
        )
    if source.whole.if_completed:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, which is for the failure handler",
            hint=f"write `{source.slug}.result`: the step waits for it",
            argument=name,
        )


def _of_flow(other: Flow[Any], flow: Flow[Any]) -> str:
    if other.slug == flow.slug:
        return f"another flow that is also called {other.slug!r}"
    return f"flow {other.slug!r}"
