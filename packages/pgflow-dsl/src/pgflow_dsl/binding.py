"""Resolve the annotations of a handler and check them against the sources of its arguments.

It runs when the decorator does. Where an annotation names something that the module defines
further down, it runs again at `flow.check()`. Next: `step.py`, which keeps the
outcome, and the three checks made here: `json_type.py`, `lens.py` and `assignable.py` in `types/`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import typing_extensions
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from pgflow_dsl.context import StepContext
from pgflow_dsl.handlers import Handler
from pgflow_dsl.source import Source
from pgflow_dsl.types.annotations import (
    awaited_type,
    class_of,
    is_union,
    peel,
    shown,
    without_alias,
)
from pgflow_dsl.types.assignable import fits
from pgflow_dsl.types.decode import ArgumentDecoder
from pgflow_dsl.types.encode import ResultEncoder
from pgflow_dsl.types.exact_json import InexactTypeError, check_exact
from pgflow_dsl.types.json_type import JsonType, adapter_for, result_type, when_defined
from pgflow_dsl.types.lens import Lens, LensError, check_in_schema, look
from pgflow_manifest import HandlerSignatureError


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The types of a step, and what reads its arguments and writes its result."""

    result: JsonType
    returns_awaitable: bool
    """Whether the handler is a plain `def` whose annotation says that it must be awaited."""
    paths: Mapping[str, tuple[str | int, ...]]
    """For each argument that the engine fills in, the path into its source."""
    decoder: ArgumentDecoder
    encoder: ResultEncoder


def bind(
    handler: Handler, type_of: Callable[[Source], JsonType], local_names: Mapping[str, Any] | None
) -> Binding:
    """Return the types of *handler*.

    Args:
        handler: the user's function and its sources.
        type_of: returns the type of a whole payload or result.
        local_names: names of the function in which the handler is defined, if it is.

    Raises:
        HandlerSignatureError: an annotation that does not fit its source.
        ResultTypeError: a result without exact JSON form.
        NotYetDefinedError: a name that is not defined yet.
    """
    hints = when_defined(lambda: _hints(handler, local_names))
    location = handler.location
    returned, is_awaitable = awaited_type(hints["return"])
    result = result_type(returned, location)
    if handler.context_parameter is not None:
        _check_context(handler, handler.context_parameter, hints)
    lenses = {
        name: _checked_lens(handler, name, source, hints[name], type_of(source))
        for name, source in handler.sources.items()
    }
    what = f"step {location.step_slug!r} of flow {location.flow_slug!r}"
    return Binding(
        result=result,
        returns_awaitable=is_awaitable and not handler.is_async,
        paths={name: lens.path for name, lens in lenses.items()},
        decoder=ArgumentDecoder(
            {name: hints[name] for name in lenses},
            {
                name: lens.make_default
                for name, lens in lenses.items()
                if lens.make_default is not None and not fits(type(None), hints[name])
            },
            what,
        ),
        encoder=ResultEncoder(result, what),
    )


def _hints(handler: Handler, local_names: Mapping[str, Any] | None) -> dict[str, Any]:
    names = dict(local_names) if local_names is not None else None
    hints = typing_extensions.get_type_hints(handler.fn, localns=names, include_extras=True)
    return {name: without_alias(hint) for name, hint in hints.items()}


def _check_context(handler: Handler, name: str, hints: Mapping[str, Any]) -> None:
    peeled, _ = peel(hints[name])
    members = get_args(peeled) if is_union(peeled) else (peeled,)
    if not any((cls := class_of(m)) is not None and issubclass(StepContext, cls) for m in members):
        raise handler.location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `flow.context` but is annotated `{shown(hints[name])}`",
            hint=f"write `{name}: StepContext = flow.context`",
            argument=name,
        )


def _checked_lens(
    handler: Handler, name: str, source: Source, annotation: Any, whole: JsonType
) -> Lens:
    location = handler.location
    try:
        lens = look(whole.annotation, source.parts, written=whole.mode == "serialization")
        check_in_schema(lens, whole)
    except LensError as error:
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, but {error.text}",
            hint=error.hint,
            argument=name,
        ) from None
    if annotation != lens.annotation:
        _check_readable(handler, name, annotation)
    if not fits(lens.annotation, annotation):
        raise location.error(
            HandlerSignatureError,
            f"argument {name!r} is annotated `{shown(annotation)}`, but `{source}` is "
            f"`{shown(lens.annotation)}`",
            hint=f"write `{name}: {shown(lens.annotation)} = {source}`, or take another source",
            argument=name,
        )
    _check_absence(handler, name, source, annotation, lens)
    return lens


def _check_readable(handler: Handler, name: str, annotation: Any) -> None:
    try:
        check_exact(annotation)
        adapter_for(annotation)
    except InexactTypeError as error:
        text, hint = error.text, error.hint
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        text, hint = "pydantic cannot read it", "annotate it with the type of its source"
    else:
        return
    raise handler.location.error(
        HandlerSignatureError,
        f"argument {name!r} is annotated `{shown(annotation)}`, which cannot be read from JSON: "
        f"{text}",
        hint=hint,
        argument=name,
    )


def _check_absence(
    handler: Handler, name: str, source: Source, annotation: Any, lens: Lens
) -> None:
    if not lens.may_be_absent:
        return
    takes_none = fits(type(None), annotation)
    if takes_none and (lens.make_default is None or lens.make_default() is None):
        return
    if not takes_none and lens.make_default is not None:
        return
    raise handler.location.error(
        HandlerSignatureError,
        f"argument {name!r} takes `{source}`, which the JSON need not have; the engine would pass "
        "null for it" + (", which is not its default" if takes_none else ""),
        hint="take the whole and reach into it in the body of the handler"
        + ("" if takes_none else f", or write `{name}: {shown(annotation)} | None`"),
        argument=name,
    )
