"""Read the signature of a handler: which arguments, from which sources, sync or async.

Everything here is known without resolving an annotation, so it is checked the moment the
decorator runs. Next: `binding.py`, which adds the types.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pgflow_dsl.location import Location
from pgflow_dsl.source import Source, source_of
from pgflow_manifest import (
    HandlerSignatureError,
    InvalidSlugError,
    ResultTypeError,
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
    location: Location
    is_async: bool
    sources: Mapping[str, Source]
    """By parameter name; without the context."""
    context_parameter: str | None


def read_handler(fn: Callable[..., Any], flow: Flow[Any], location: Location) -> Handler:
    """Return what the signature of *fn* says.

    Raises:
        HandlerSignatureError: an argument without source or annotation, or of a kind that cannot
            be passed by name; a generator; the context asked for twice.
        UnknownDepError: a source of another flow.
        ResultTypeError: no return annotation.
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
    if signature.return_annotation is inspect.Signature.empty:
        raise location.error(
            ResultTypeError,
            "the handler does not say what it returns",
            hint=f"annotate it: `def {inner.__name__}(...) -> T`, where T is a pydantic model, "
            "a dataclass, a TypedDict or a JSON type; `-> None` when it returns nothing",
        )
    return Handler(
        fn=fn,
        location=location,
        is_async=inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(inner),
        sources=sources,
        context_parameter=context_parameter,
    )


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
    _check_owner(name, source, flow, location)
    if parameter.annotation is kinds.empty:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} has no annotation, so its value cannot be read back from JSON",
            hint=f"write `{name}: T = {source}` with the type of `{source}`",
            argument=name,
        )
    return source


def _no_source(parameter: inspect.Parameter, location: Location) -> HandlerSignatureError:
    name, default = parameter.name, cast("object", parameter.default)
    hint = f"write `{name}: T = <step>.result`, `flow.payload` or `flow.context`"
    if default is inspect.Parameter.empty:
        text = f"argument {name!r} has no source"
    elif isinstance(getattr(default, "sources", None), Mapping):
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


def _check_owner(name: str, source: Source, flow: Flow[Any], location: Location) -> None:
    step = source.step
    if step is not None and flow.steps.get(step.slug) is not step:
        raise location.error(
            UnknownDepError,
            f"argument {name!r} takes `{source}`, but step {step.slug!r} belongs to "
            f"{_of_flow(source.flow, flow)}",
            hint="a step can only wait for steps of its own flow; move one of them",
            argument=name,
        )
    if source.flow is not flow:
        raise location.error(
            UnknownDepError,
            f"argument {name!r} takes `{source}` of {_of_flow(source.flow, flow)}",
            hint=f"take the {source.kind} of the flow that the step belongs to",
            argument=name,
        )
    if source.kind == "context" and source.parts:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, a part of the context",
            hint=f"take the whole, `ctx: StepContext = flow.context`, and read "
            f"`ctx{''.join(map(str, source.parts))}` in the body",
            argument=name,
        )


def _of_flow(other: Flow[Any], flow: Flow[Any]) -> str:
    if other.slug == flow.slug:
        return f"another flow that is also called {other.slug!r}"
    return f"flow {other.slug!r}"
