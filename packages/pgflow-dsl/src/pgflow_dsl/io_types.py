"""Build, once per type, what reads and writes its JSON.

`payload_type` and `result_type` apply the rules of `exact.py` and keep the schema that goes into
the manifest. Next: `encode.py`, which writes results, and `decode.py`, which reads arguments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.json_schema import JsonSchemaMode

from pgflow_dsl.annotations import shown
from pgflow_dsl.exact import ExactJsonSchema, InexactTypeError, check_exact
from pgflow_dsl.field_facts import refuse_unreadable
from pgflow_dsl.place import Place
from pgflow_manifest import JsonSchema, ResultTypeError

_T = TypeVar("_T")
_NOT_YET = frozenset(["class-not-fully-defined", "undefined-annotation"])


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


def payload_type(annotation: Any, place: Place) -> JsonType:
    """Return *annotation* as the type of a payload, which is only ever read.

    Raises:
        ResultTypeError: it has no exact JSON form.
        NotYetDefinedError: a part of it is not defined yet.
    """
    return _json_type(annotation, "validation", place, what="the payload type", role="payload")


def result_type(annotation: Any, place: Place) -> JsonType:
    """Return *annotation* as the type of a result, which is written and read back.

    Raises as `payload_type`.
    """
    return _json_type(annotation, "serialization", place, what="the result type", role="result")


def _json_type(
    annotation: Any, mode: JsonSchemaMode, place: Place, *, what: str, role: str
) -> JsonType:
    try:
        return when_defined(lambda: _checked(annotation, mode))
    except InexactTypeError as error:
        text, hint = error.text, error.hint
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema) as error:
        text = f"pydantic cannot write {_blamed(error.message)} as JSON"
        hint = "write a pydantic model, a dataclass, a TypedDict or a JSON type"
    raise place.error(
        ResultTypeError,
        f"{what} `{shown(annotation)}` has no exact JSON form: {text}",
        hint=hint,
        type=shown(annotation),
        role=role,
    )


def _checked(annotation: Any, mode: JsonSchemaMode) -> JsonType:
    check_exact(annotation)
    adapter = adapter_for(annotation)
    if mode == "serialization":
        refuse_unreadable(annotation)
    schema: JsonSchema = adapter.json_schema(mode=mode, schema_generator=ExactJsonSchema)
    return JsonType(annotation=annotation, adapter=adapter, schema=schema, mode=mode)


def _blamed(message: str) -> str:
    found = re.search(r"(<class '[^']+'>|schema for .+?\.(?= Set)|core_schema\.\w+)", message)
    if found is None:
        return "it"
    text = found[0].removeprefix("schema for ").removesuffix(".")
    return "`" + text.removeprefix("<class '").removesuffix("'>").rsplit(".", 1)[-1] + "`"


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
    except PydanticUserError as error:
        if error.code not in _NOT_YET:
            raise
        raise NotYetDefinedError(error.message.split("\n", 1)[0]) from error
    except NameError as error:
        raise NotYetDefinedError(str(error)) from error
