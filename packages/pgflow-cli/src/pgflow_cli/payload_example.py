"""Make a payload that shows the shape of a payload schema."""

from collections.abc import Mapping
from typing import Any, cast

from pgflow_manifest import JsonSchema

_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_DEEPEST = 8


def example_of(schema: JsonSchema) -> object:
    """Return a value with all that *schema* requires and no more; a hint, not a promise."""
    return _example(schema, schema.get("$defs", {}), "text", 0)


def _example(schema: Any, definitions: Mapping[str, Any], name: str, depth: int) -> object:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    parts = cast("dict[str, Any]", schema)
    for keyword in ("const", "default"):
        if keyword in parts:
            return parts[keyword]
    for keyword in ("examples", "enum"):
        if parts.get(keyword):
            return parts[keyword][0]
    if reference := parts.get("$ref"):
        return _example(definitions.get(reference.rsplit("/", 1)[-1]), definitions, name, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if parts.get(keyword):
            return _example(parts[keyword][0], definitions, name, depth + 1)
    return _of_type(parts, definitions, name, depth)


def _of_type(
    parts: dict[str, Any], definitions: Mapping[str, Any], name: str, depth: int
) -> object:
    match parts.get("type"):
        case "object":
            properties = parts.get("properties", {})
            return {
                key: _example(properties.get(key), definitions, key, depth + 1)
                for key in parts.get("required", [])
            }
        case "array":
            items = [parts.get("items")] * int(parts.get("minItems", 0))
            return [_example(item, definitions, name, depth + 1) for item in items]
        case "string":
            return _BY_FORMAT.get(parts.get("format", ""), name)
        case "integer" | "number":
            return parts.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return None
