"""What every question about JSON Schemas needs: references, types, equality."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

TYPES: Final = frozenset(["null", "boolean", "number", "string", "object", "array"])
"""Every type of a JSON value; an integer is a number."""

ANNOTATIONS: Final = frozenset(
    [
        *("title", "description", "examples", "default", "deprecated", "$comment", "readOnly"),
        *("writeOnly", "format", "contentEncoding", "contentMediaType", "contentSchema"),
        *("$defs", "definitions", "$schema", "$anchor", "discriminator"),
    ]
)
"""Keywords that refuse no value; the engine does not hold formats against values."""

Schema = Any
"""A schema or a part of one: true, false or an object."""


def is_object(part: object) -> TypeGuard[dict[str, Any]]:
    """Whether *part* is a JSON object."""
    return isinstance(part, dict)


def is_list(part: object) -> TypeGuard[list[Any]]:
    """Whether *part* is a JSON array."""
    return isinstance(part, list)


class UnknownPartError(Exception):
    """Something in a schema that is not understood here, so that no question is answered."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def canonical(value: Any) -> bytes:
    """Return the same bytes for the same JSON; numbers that are equal may still differ."""
    return json.dumps(value, sort_keys=True).encode()  # orjson refuses numbers above 64 bits


def contains_reference(schema: Schema) -> bool:
    """Whether *schema* points elsewhere, so that its text alone does not say what it means."""
    if is_object(schema):
        return any(
            key in ("$ref", "$dynamicRef", "$recursiveRef") or contains_reference(part)
            for key, part in schema.items()
        )
    return is_list(schema) and any(contains_reference(part) for part in schema)


def resolve(root: Schema, reference: object) -> Schema:
    """Return what *reference* points to in the document *root*.

    Raises:
        UnknownPartError: it points out of the document, or by an anchor, or to nothing.
    """
    if not isinstance(reference, str) or (reference != "#" and not reference.startswith("#/")):
        raise UnknownPartError(f"the reference {reference!r} is not a JSON pointer into the schema")
    if is_object(root) and "$id" in root:
        raise UnknownPartError("the schema has an $id, so that references may lead elsewhere")
    part = root
    for key in reference.split("/")[1:]:
        name = unquote(key).replace("~1", "/").replace("~0", "~")
        if is_object(part) and name in part:
            part = part[name]
        elif is_list(part) and name.isdecimal() and int(name) < len(part):
            part = part[int(name)]
        else:
            raise UnknownPartError(f"the reference {reference!r} leads nowhere")
        if is_object(part) and "$id" in part:
            raise UnknownPartError(f"below {reference!r} stands an $id")
    return part


def types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that the keyword `type` allows, `integer` besides `number` as written."""
    declared = schema.get("type")
    if declared is None:
        return TYPES
    return frozenset([declared] if isinstance(declared, str) else declared)


def type_of(value: Any) -> str:
    """Return the type of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case _:
            return "object"


def json_equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same: numbers by value, true is not 1."""
    if type_of(left) != type_of(right):
        return False
    if is_object(left):
        return left.keys() == right.keys() and all(json_equal(left[k], right[k]) for k in left)
    if is_list(left):
        return len(left) == len(right) and all(map(json_equal, left, right))
    return bool(left == right)


def literal_values(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that `const` and `enum` name; None when neither is there."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if is_list(values) else None


def item_schemas(node: Mapping[str, Any], index: int) -> Schema:
    """Return what the item at *index* of a list must be."""
    prefix = node.get("prefixItems", ())
    return prefix[index] if index < len(prefix) else node.get("items", True)


def bounds(nodes: Iterator[Mapping[str, Any]], keyword: str) -> list[Any]:
    """Return what the nodes say under *keyword*."""
    return [node[keyword] for node in nodes if keyword in node]
