"""Ask pydantic what it does with each field: the names it reads and writes, defaults, exclusion.

Read from the core schema, which is the truth for models, dataclasses and TypedDicts alike, whatever
aliases, alias generators and configuration led to it.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic_core import CoreSchema

from pgflow_dsl.annotations import class_of, has_fields, shown
from pgflow_dsl.exact import InexactTypeError
from pgflow_dsl.type_walk import Node, walk


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
            elif (written := facts.get("serialization_alias", name)) not in _read_names(
                name, facts, node
            ):
                raise InexactTypeError(
                    f"`{shown(node.annotation)}.{name}` is written as {written!r} but read as "
                    f"{', '.join(repr(key) for key in sorted(_read_names(name, facts, node)))}",
                    "give the field one `alias`, or let its validation alias accept both",
                )


def _read_names(name: str, facts: dict[str, Any], node: Node) -> set[str]:
    alias: str | list[list[str | int]] = facts.get("validation_alias", name)
    names = {alias} if isinstance(alias, str) else {str(p[0]) for p in alias if len(p) == 1}
    config = getattr(class_of(node.annotation), "model_config", {})
    if config.get("populate_by_name") or config.get("validate_by_name"):
        names.add(name)
    return names


def _refuse_unwritten(node: Node, name: str, facts: dict[str, Any]) -> None:
    if facts.get("required") is not False and facts["schema"]["type"] != "default":
        raise InexactTypeError(
            f"`{shown(node.annotation)}.{name}` is not written, but needed to read it back",
            "give the field a default",
        )


def _refuse_computed(node: Node, name: str) -> None:
    cls: Any = class_of(node.annotation)
    config = getattr(cls, "model_config", {})
    if config.get("extra") == "forbid":
        raise InexactTypeError(
            f"`{shown(node.annotation)}.{name}` is computed, and the class forbids extra keys: "
            "it cannot read what it writes",
            'remove `extra="forbid"`, or make the field an ordinary one',
        )
