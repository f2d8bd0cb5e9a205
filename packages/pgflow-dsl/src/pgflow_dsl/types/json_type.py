"""Build, once per type, what reads and writes its JSON.

`payload_type` and `result_type` apply the rules of `exact_json.py`, `fields.py` and
`round_trip.py`, and keep the schema that goes into the manifest. Next: `encode.py`, `decode.py`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, wraps
from typing import Any, Optional, ParamSpec, TypeVar, cast

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import JsonSchemaMode

from pgflow_dsl.location import Location
from pgflow_dsl.types.annotations import shown
from pgflow_dsl.types.assignable import fits
from pgflow_dsl.types.exact_json import ExactJsonSchema, InexactTypeError, check_exact
from pgflow_dsl.types.fields import refuse_unreadable
from pgflow_dsl.types.round_trip import refuse_ambiguous
from pgflow_dsl.types.walk import is_recursive, may_hold_non_finite
from pgflow_manifest import JsonSchema, ResultTypeError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class NotYetDefinedError(Exception):
    """An annotation names something that the module has not defined yet: try again later."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonType:
    """A type that crosses the border to JSON, with its reader, writer and schema."""

    annotation: Any
    adapter: TypeAdapter[Any]
    schema: JsonSchema
    mode: JsonSchemaMode
    may_be_deep: bool
    """Whether values can be nested as deeply as they like."""
    may_be_non_finite: bool
    """Whether values can hold inf or nan."""
    may_be_none: bool


def _remembered(fn: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make *fn* remember its last 512 answers: flows use the same few types again and again.

    Annotations that cannot be hashed are looked at anew.
    """
    cached = cast("Callable[_P, _T]", lru_cache(512)(fn))

    @wraps(fn)
    def ask(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            hash(args)
        except TypeError:
            return fn(*args, **kwargs)
        return cached(*args, **kwargs)

    return ask


def payload_type(annotation: Any, location: Location) -> JsonType:
    """Return *annotation* as the type of a payload, which is only ever read.

    Raises:
        ResultTypeError: it has no exact JSON form.
        NotYetDefinedError: a part of it is not defined yet.
    """
    return _json_type(annotation, "validation", location, what="the payload type", role="payload")


def result_type(annotation: Any, location: Location) -> JsonType:
    """Return *annotation* as the type of a result, which is written and read back.

    Raises as `payload_type`.
    """
    return _json_type(annotation, "serialization", location, what="the result type", role="result")


def or_null(of: JsonType) -> JsonType:
    """Return the type of what is *of*, or null in its place: what a dependent takes."""
    if of.may_be_none:
        return of
    schema: JsonSchema = {"anyOf": [of.schema, {"type": "null"}]}
    # references go from the root of the schema
    schema |= {"$defs": of.schema["$defs"]} if "$defs" in of.schema else {}
    annotation: Any = Optional[of.annotation]  # noqa: UP045 - built at run time
    return replace(of, annotation=annotation, schema=schema, may_be_none=True)


def _json_type(
    annotation: Any, mode: JsonSchemaMode, location: Location, *, what: str, role: str
) -> JsonType:
    try:
        return when_defined(lambda: _checked(annotation, mode))
    except InexactTypeError as error:
        text, hint = error.text, error.hint
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        text = re.split(r"\n|\. Set ", error.message, maxsplit=1)[0]
        hint = "write a pydantic model, a dataclass, a TypedDict or a JSON type"
    except (PydanticUserError, TypeError) as error:
        text = f"pydantic refuses it: {str(error).split(chr(10), 1)[0]}"
        hint = "mend the type; `pydantic.TypeAdapter` of it alone gives the same error"
    raise location.error(
        ResultTypeError,
        f"{what} `{shown(annotation)}` has no exact JSON form: {text}",
        hint=hint,
        type=shown(annotation),
        role=role,
    )


@_remembered
def _checked(annotation: Any, mode: JsonSchemaMode) -> JsonType:
    check_exact(annotation)
    adapter = adapter_for(annotation)
    if mode == "serialization":
        refuse_unreadable(annotation)
        refuse_ambiguous(annotation)
    schema: JsonSchema = adapter.json_schema(mode=mode, schema_generator=ExactJsonSchema)
    return JsonType(
        annotation=annotation,
        adapter=adapter,
        schema=schema,
        mode=mode,
        may_be_deep=is_recursive(annotation),
        may_be_non_finite=may_hold_non_finite(annotation),
        may_be_none=fits(type(None), annotation),
    )


@_remembered
def adapter_for(annotation: Any) -> TypeAdapter[Any]:
    """Return the reader and writer of *annotation*.

    Raises:
        NotYetDefinedError: a name in it is not defined yet.
    """

    def build() -> TypeAdapter[Any]:
        adapter = TypeAdapter[Any](annotation)
        if not adapter.pydantic_complete:
            # It is built without a word; only a second try says which name is missing.
            adapter.rebuild(raise_errors=True)
        return adapter

    return when_defined(build)


def when_defined(build: Callable[[], _T]) -> _T:
    """Return what *build* returns, telling apart what is wrong from what is not defined yet."""
    try:
        return build()
    except NameError as error:
        raise NotYetDefinedError(str(error)) from error
