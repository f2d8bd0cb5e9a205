"""Hold the path of a lens against the schema of the whole, where a custom serializer would show.

Next: `../binding.py`, which does so for every argument.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pgflow_dsl.types.annotations import shown
from pgflow_dsl.types.json_type import JsonType
from pgflow_dsl.types.lens import TAKE_THE_WHOLE, LensError


def check_in_schema(path: Sequence[str | int], whole: JsonType) -> None:
    """Refuse a path of which the schema of the whole knows nothing; raises `LensError`."""
    if not any(True for _ in schemas_at(whole.schema, whole.schema, path)):
        raise LensError(
            f"the JSON of `{shown(whole.annotation)}` has no part at `{_pointer(path)}`: a custom "
            "serializer writes it in another form",
            TAKE_THE_WHOLE,
        )


def check_is_array(path: Sequence[str | int], whole: JsonType) -> None:
    """Refuse a path at which the schema of the whole has no array; raises `LensError`."""
    found = list(schemas_at(whole.schema, whole.schema, path))
    if not found or not all(
        isinstance(schema, dict) and cast("dict[str, Any]", schema).get("type") == "array"
        for schema in found
    ):
        raise LensError(
            f"the JSON of `{shown(whole.annotation)}` has no array at `{_pointer(path)}`: a custom "
            "serializer writes it in another form",
            "return the list from a step of its own, without the serializer",
        )


def _pointer(path: Sequence[str | int]) -> str:
    return "/" + "/".join(map(str, path))


def schemas_at(schema: Any, root: Mapping[str, Any], path: Sequence[str | int]) -> Iterator[Any]:
    """Yield every schema that may hold for the part at *path*; behind an open one, that one."""
    if schema is False:
        return
    if not isinstance(schema, dict):
        yield schema
        return
    node = cast("dict[str, Any]", schema)
    if "$ref" in node:
        yield from schemas_at(target_of(node["$ref"], root), root, path)
        return
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in node:
            for member in node[keyword]:
                yield from schemas_at(member, root, path)
            return
    if not path:
        yield node
        return
    key, rest = path[0], path[1:]
    if isinstance(key, int):
        items = node.get("prefixItems", [])
        part = items[key] if key < len(items) else node.get("items", False)
    else:
        part = node.get("properties", {}).get(key, node.get("additionalProperties", not node))
    yield from schemas_at(part, root, rest)


def target_of(reference: str, root: Mapping[str, Any]) -> Any:
    """Return the schema that a `$ref` of *root* leads to."""
    target: Any = root
    for key in reference.removeprefix("#/").split("/"):
        target = target[key.replace("~1", "/").replace("~0", "~")]
    return target
