"""Ask pydantic what it does with each field: the names it reads and writes, defaults, exclusion.

Read from the core schema, which is the truth for models, dataclasses and TypedDicts alike, whatever
aliases, alias generators and configuration led to it.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import CoreSchema

from pgflow_dsl.types.annotations import class_of, config_of, has_fields, shown
from pgflow_dsl.types.exact_json import InexactTypeError
from pgflow_dsl.types.walk import Node, walk


def schema_fields(adapter: TypeAdapter[Any]) -> dict[str, dict[str, Any]]:
    """Return what pydantic does with each field of a model, dataclass or TypedDict.

    Keys of the facts: `validation_alias`, `serialization_alias`, `schema`, `required` and others
    of `pydantic_core.core_schema`; computed fields carry `type: computed-field`.
    """
    schema: Any = adapter.core_schema
    definitions: dict[str, CoreSchema] = {}
    while True:
        kind = schema["type"]
        if kind == "definitions":
            definitions |= {item["ref"]: item for item in schema["definitions"]}
        if kind == "definition-ref":
            schema = definitions[schema["schema_ref"]]
        elif kind in ("model-fields", "typed-dict", "dataclass-args"):
            break
        elif "schema" in schema:
            schema = schema["schema"]
        else:
            return {}
    listed: Any = schema["fields"]
    fields: dict[str, dict[str, Any]] = (
        dict(listed) if kind != "dataclass-args" else {item["name"]: item for item in listed}
    )
    if kind == "typed-dict":
        total = schema.get("total", True)
        fields = {name: {"required": total, **item} for name, item in fields.items()}
    for computed in schema.get("computed_fields", ()):
        fields[computed["property_name"]] = {
            "serialization_alias": computed.get("alias", computed["property_name"]),
            **computed,
        }
    return fields


def refuse_unreadable(annotation: Any) -> None:
    """Refuse a class that is written under other names than those it is read by.

    Raises:
        InexactTypeError: a field whose value would be lost, or an extra key refused, on the way
            from one step to the next.
    """
    for node in walk(annotation):
        if not has_fields(class_of(node.annotation)) or node.is_customised or node.is_repeated:
            continue
        for name, facts in schema_fields(TypeAdapter(node.annotation)).items():
            if facts["type"] == "computed-field":
                _refuse_computed(node, name)
            elif facts.get("serialization_exclude") or facts.get("init_only"):
                _refuse_unwritten(node, name, facts)
            else:
                _refuse_renamed(node, name, facts)


def read_paths(annotation: Any, name: str, facts: Mapping[str, Any]) -> list[list[str | int]]:
    """Return the paths at which the field *name* is looked for when JSON is read, first wins."""
    config = config_of(annotation)
    by_alias = config.get("validate_by_alias", True)
    by_name = config.get("populate_by_name") or config.get("validate_by_name") or not by_alias
    alias: str | list[list[str | int]] = facts.get("validation_alias", name)
    paths: list[list[str | int]] = [[alias]] if isinstance(alias, str) else alias
    if not by_alias:
        return [[name]]
    return paths if not by_name or [name] in paths else [*paths, [name]]


def _refuse_renamed(node: Node, name: str, facts: Mapping[str, Any]) -> None:
    written = facts.get("serialization_alias", name)
    read = [path[0] for path in read_paths(node.annotation, name, facts) if len(path) == 1]
    if written not in read:
        raise InexactTypeError(
            f"`{shown(node.annotation)}.{name}` is written as {written!r} but read as "
            f"{', '.join(map(repr, read))}",
            "give the field one `alias`, or let its validation alias accept both",
        )


def _refuse_unwritten(node: Node, name: str, facts: Mapping[str, Any]) -> None:
    if facts.get("required") is not False and facts["schema"]["type"] != "default":
        raise InexactTypeError(
            f"`{shown(node.annotation)}.{name}` is not written, but needed to read it back",
            "give the field a default",
        )


def _refuse_computed(node: Node, name: str) -> None:
    if config_of(node.annotation).get("extra") == "forbid":
        raise InexactTypeError(
            f"`{shown(node.annotation)}.{name}` is computed, and the class forbids extra keys: "
            "it cannot read what it writes",
            'remove `extra="forbid"`, or make the field an ordinary one',
        )
