"""Resolve the annotations of a handler and check them against the sources of its arguments.

It runs when the decorator does. Where an annotation names something that the module defines
further down, it runs again at `flow.check()`; where a result is not annotated, once its type was
inferred. Next: `step.py`, which keeps the outcome, and the checks made here: `json_type.py`,
`lens.py`, `items.py` and `assignable.py` in `types/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import typing_extensions
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from pgflow_dsl.context import StepContext
from pgflow_dsl.handlers import Handler
from pgflow_dsl.source import Source
from pgflow_dsl.types.annotations import (
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
from pgflow_dsl.types.in_schema import check_in_schema
from pgflow_dsl.types.items import look_into_item
from pgflow_dsl.types.json_type import JsonType, adapter_for, when_defined
from pgflow_dsl.types.lens import Lens, LensError, look
from pgflow_manifest import HandlerSignatureError


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Where arguments of a handler are in the JSON of their sources, and what reads them."""

    paths: Mapping[str, tuple[str | int, ...]]
    """For each argument, the path into its source; into the item, where it takes one."""
    over: tuple[str | int, ...] | None
    """Of a map step, the path into the source of its list; None while that is not known."""
    annotations: Mapping[str, Any]
    """For each argument, its type: as annotated, or else that of its source."""
    decoder: ArgumentDecoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding(Arguments):
    """The types of a step: all its arguments, and its result with what writes it."""

    result: JsonType
    """The whole result; of a map step, the list."""
    returned: JsonType
    """What the handler returns: of a map step, one item of the result."""
    encoder: ResultEncoder
    """Writes what the handler returns."""


def read_hints(handler: Handler, local_names: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the annotations of *handler* by parameter; that of the result as `return`.

    Args:
        handler: the user's function.
        local_names: names of the function in which the handler is defined, if it is.

    Raises:
        NotYetDefinedError: a name that is not defined yet.
    """
    names = dict(local_names) if local_names is not None else None
    hints = when_defined(
        lambda: typing_extensions.get_type_hints(handler.fn, localns=names, include_extras=True)
    )
    return {name: without_alias(hint) for name, hint in hints.items()}


def bind_arguments(
    handler: Handler, hints: Mapping[str, Any], types: Mapping[str, JsonType]
) -> Arguments:
    """Return how to read those arguments of *handler* that *types* has the type of the source of.

    An argument without annotation has the type of its source.

    Args:
        handler: the user's function and its sources.
        hints: its annotations by parameter.
        types: by parameter, the type of the whole payload or result that it takes (a part, or an
            item of a list, of).

    Raises:
        HandlerSignatureError: an annotation that does not fit its source.
        NotYetDefinedError: a name that is not defined yet.
    """
    context = handler.context_parameter
    if context is not None and context in hints:
        _check_context(handler, context, hints)
    lenses: dict[str, Lens] = {}
    over: tuple[str | int, ...] | None = None
    annotations: dict[str, Any] = {}
    for name, whole in types.items():
        source = handler.sources[name]
        lens, list_path = _lens(handler, name, source, whole)
        over = over if list_path is None else list_path
        annotation = hints.get(name, without_alias(lens.annotation))
        _check_annotation(handler, name, source, annotation, lens)
        _check_absence(handler, name, source, annotation, lens)
        lenses[name], annotations[name] = lens, annotation
    return Arguments(
        paths={name: lens.path for name, lens in lenses.items()},
        over=over,
        annotations=annotations,
        decoder=ArgumentDecoder(
            annotations,
            {
                name: lens.make_default
                for name, lens in lenses.items()
                if lens.make_default is not None and not fits(type(None), annotations[name])
            },
            handler.title,
        ),
    )


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


def _lens(
    handler: Handler, name: str, source: Source, whole: JsonType
) -> tuple[Lens, tuple[str | int, ...] | None]:
    """Return what the argument takes and, where that is of an item, the path of the list."""
    try:
        if source.over is not None:
            found = look_into_item(whole, source.over.parts, source.parts)
            return found.item, found.over
        lens = look(whole.annotation, source.parts, written=whole.mode == "serialization")
        check_in_schema(lens.path, whole)
    except LensError as error:
        raise handler.location.error(
            HandlerSignatureError,
            f"argument {name!r} takes `{source}`, but {error.text}",
            hint=error.hint,
            argument=name,
        ) from None
    return lens, None


def _check_annotation(
    handler: Handler, name: str, source: Source, annotation: Any, lens: Lens
) -> None:
    if annotation != lens.annotation:
        _check_readable(handler, name, annotation)
    if not fits(lens.annotation, annotation):
        raise handler.location.error(
            HandlerSignatureError,
            f"argument {name!r} is annotated `{shown(annotation)}`, but `{source}` is "
            f"`{shown(lens.annotation)}`",
            hint=f"write `{name}: {shown(lens.annotation)} = {source}`, or take another source",
            argument=name,
        )


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
    is_read_by_the_engine = handler.kind in ("sleep", "flow")
    if not takes_none and lens.make_default is not None and not is_read_by_the_engine:
        return
    hint = "take the whole and reach into it in the body of the handler"
    if is_read_by_the_engine:
        hint = "let a step return it, default and all, and take the result of that step"
    elif not takes_none:
        hint += f", or write `{name}: {shown(annotation)} | None`"
    raise handler.location.error(
        HandlerSignatureError,
        f"argument {name!r} takes `{source}`, which the JSON need not have; the engine would pass "
        "null for it" + (", which is not its default" if takes_none else ""),
        hint=hint,
        argument=name,
    )
