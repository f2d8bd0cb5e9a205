"""Say why a type has no exact JSON form: the check that type checkers cannot make.

They do not look into fields, and `Any` passes them. Two nets: a walk over the annotations, which
finds the field to blame, and `ExactJsonSchema`, which refuses to write a schema that says nothing.
Refused is what says nothing (`Any`, `object`, a bare `list`), what has no JSON form, and what does
not come back from it as it was. Next: `fields.py` and `round_trip.py`,
which look at what pydantic does with values.
"""

import collections
import collections.abc
import datetime as dt
import enum
import re
from typing import Any, Literal, TypeVar, get_args, get_origin

import pydantic
from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import core_schema

from pgflow_dsl.types.annotations import class_of, config_of, has_fields, peel, shown
from pgflow_dsl.types.walk import Node, walk

_NO_JSON: dict[type, str] = {
    bytearray: "write `str`, or `pydantic.Base64Bytes` for binary data",
    memoryview: "write `str`, or `pydantic.Base64Bytes` for binary data",
    complex: "write a tuple or a model of two floats",
    re.Pattern: "write `str` and compile the pattern in the handler",
    range: "write `list[int]`",
    type: "write `str` and look the class up in the handler",
    pydantic.SecretStr: "secrets do not belong into results; pass a name and look the secret up",
    pydantic.SecretBytes: "secrets do not belong into results; pass a name and look the secret up",
}
_CALLABLE: Any = collections.abc.Callable
_CONTAINERS: tuple[type, ...] = (
    list,
    dict,
    tuple,
    set,
    frozenset,
    collections.deque,
    collections.abc.Iterable,
)


class InexactTypeError(Exception):
    """A type whose values do not survive the way into JSON and back."""

    def __init__(self, text: str, hint: str) -> None:
        self.text = text
        self.hint = hint
        super().__init__(text)


def check_exact(annotation: Any) -> None:
    """Refuse a type that says nothing or has no JSON form, naming the field to blame.

    Raises:
        InexactTypeError: with what to write instead.
    """
    for node in walk(annotation):
        if node.is_customised or node.is_repeated:
            continue
        if (problem := _problem(node)) is not None:
            text, hint = problem
            where = f"`{node.field}` is" if node.field else "it is"
            if node.field is None and node.annotation is not peel(annotation)[0]:
                where = "it holds"
            raise InexactTypeError(f"{where} {text}", hint)


def _problem(node: Node) -> tuple[str, str] | None:
    annotation = node.annotation
    if annotation in (Any, object):
        return (
            f"`{shown(annotation)}`, which says nothing about the JSON",
            "write the type; `pydantic.JsonValue` where any JSON is really meant",
        )
    if isinstance(annotation, TypeVar):
        return (
            f"the type variable `{annotation.__name__}`",
            "say which type it stands for, as in `Page[int]`",
        )
    if get_origin(annotation) is Literal:
        return _problem_of_literal(annotation)
    cls: type[object] | None = class_of(annotation)
    if cls is None or annotation is JsonValue:
        return None
    if issubclass(cls, bytes):
        return _problem_of_bytes(node)
    if cls is _CALLABLE:
        return "a callable, which has no JSON form", "return data, not functions"
    for forbidden, hint in _NO_JSON.items():
        if issubclass(cls, forbidden):
            return f"`{shown(annotation)}`, which has no JSON form that can be read back", hint
    if issubclass(cls, dt.date | dt.time | dt.timedelta):
        return _problem_of_time(node, cls)
    if cls is collections.abc.Iterable or issubclass(cls, collections.abc.Iterator):
        return f"`{shown(annotation)}`, which is read as an iterator that ends", "write `list[...]`"
    if cls is BaseModel:
        return "`BaseModel` itself, which has no fields", "write the model that is really meant"
    if cls in _CONTAINERS or (cls.__module__ == "collections.abc" and issubclass(cls, _CONTAINERS)):
        return _problem_of_container(annotation, cls)
    return None


def _problem_of_literal(annotation: Any) -> tuple[str, str] | None:
    for value in get_args(annotation):
        if isinstance(value, enum.Enum) and not isinstance(value, str | int):
            name = f"{type(value).__name__}.{value.name}"
            return (
                f"`Literal[{name}]`, which pydantic writes but cannot read back",
                f"write `{type(value).__name__}`, or make it an `enum.StrEnum` or `enum.IntEnum`",
            )
    return None


def _problem_of_bytes(node: Node) -> tuple[str, str] | None:
    config = config_of(node.owner)
    encoding = config.get("ser_json_bytes", "utf8")
    if encoding != "utf8" and encoding == config.get("val_json_bytes", "utf8"):
        return None
    return (
        "`bytes`, of which JSON can only hold those that are UTF-8",
        "write `str`, or `pydantic.Base64Bytes` for binary data",
    )


def _problem_of_time(node: Node, cls: type[object]) -> tuple[str, str] | None:
    config = config_of(node.owner)
    unit = config.get("ser_json_temporal", "iso8601")
    same = issubclass(cls, dt.date) and unit == config.get("val_temporal_unit", "infer")
    plain = not issubclass(cls, dt.date) and unit == "seconds"
    if unit == "iso8601" or same or plain:
        return None
    return (
        f"a `{cls.__name__}` that is written in {unit} but not read in them",
        "remove `ser_json_temporal` from the configuration of the class",
    )


def _problem_of_container(annotation: Any, cls: type) -> tuple[str, str] | None:
    if not get_args(annotation) and annotation != tuple[()]:
        inside = "str, ..." if issubclass(cls, dict) or cls is collections.abc.Mapping else "..."
        name = shown(annotation)
        return (
            f"a bare `{name}`, which does not say what it holds",
            f"write `{name}[{inside}]` with the type of its items",
        )
    if cls in (dict, collections.abc.Mapping):
        key = class_of(peel(get_args(annotation)[0])[0])
        if key is not None and (issubclass(key, tuple | list | dict) or has_fields(key)):
            return (
                f"a dict with keys of type `{shown(key)}`, which JSON cannot hold",
                "use str, int, UUID or enum keys, or a list of pairs",
            )
    return None


class ExactJsonSchema(GenerateJsonSchema):
    """Write JSON Schema as pydantic does, but refuse to write one that says nothing."""

    def any_schema(self, schema: core_schema.AnySchema) -> JsonSchemaValue:
        """Refuse `Any`, wherever it came from."""
        del schema
        raise InexactTypeError(
            "a part of it is `Any`, which says nothing about the JSON",
            "annotate it; a serializer needs a return annotation, too",
        )

    def json_or_python_schema(self, schema: core_schema.JsonOrPythonSchema) -> JsonSchemaValue:
        """Let `JsonValue` through: any JSON is what it means."""
        if schema["json_schema"]["type"] == "any":
            return {}
        return super().json_or_python_schema(schema)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        """Require in results what has a default: it is always written, unless it says otherwise."""
        if super().field_is_required(field, total):
            return True
        schema = field["schema"]
        return (
            self.mode == "serialization"
            and field["type"] != "typed-dict-field"
            and field.get("serialization_exclude_if") is None
            and schema["type"] == "default"
            and schema["schema"]["type"] != "missing-sentinel"
        )

    def encode_default(self, dft: Any) -> Any:
        """Write the default of a set in one order, whatever the hash seed."""
        encoded = super().encode_default(dft)
        if isinstance(dft, set | frozenset):
            return sorted(encoded, key=repr)
        return encoded

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        """Refuse a union of which one member has no JSON form; other warnings cost nothing."""
        if kind == "skipped-choice":
            raise InexactTypeError(
                f"one of its alternatives has no JSON form ({detail})",
                "leave the alternative out, or write it as a model, dataclass or JSON type",
            )
