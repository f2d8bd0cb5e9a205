"""The types of a manifest: what schemas mean, and how the types are named."""

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.builders import a_flow, a_step

from pgflow_cli.codegen.declarations import declarations_of
from pgflow_cli.codegen.type_model import (
    ANY_JSON,
    NULL,
    Array,
    Field,
    Named,
    Object,
    Record,
    Scalar,
    Tuple,
    Type,
    Union,
)
from pgflow_cli.codegen.type_model import Literal as Values
from pgflow_manifest import Manifest

INTEGER = Scalar(name="integer")
NUMBER = Scalar(name="number")
STRING = Scalar(name="string")


def a_field(name: str, type_: Type, *, required: bool = True, description: str = "") -> Field:
    return Field(name=name, type=type_, required=required, description=description)


def read(schema: dict[str, Any]) -> tuple[Type, Mapping[str, Type]]:
    """Return the type of a result with *schema*, and what it declares by name."""
    flow = a_flow("f", a_step("s", result_schema=schema), payload_schema={"type": "null"})
    declarations = declarations_of(Manifest(flows=(flow,)))
    types = {declared.name: declared.type for declared in declarations.types}
    return declarations.flows[0].results["s"], types


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 1, "title": "N"}, INTEGER),
        ({"type": "string", "format": "date-time"}, STRING),
        ({"type": "null"}, NULL),
        ({"const": None}, NULL),
        ({"const": "a", "type": "string"}, Values(values=("a",))),
        ({"enum": ["a", 1, True, None]}, Union(members=(Values(values=("a", 1, True)), NULL))),
        ({"enum": [1, True]}, Values(values=(1, True))),
        ({"anyOf": [{"const": "a"}, {"const": "b"}]}, Values(values=("a", "b"))),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, Union(members=(INTEGER, NULL))),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, NUMBER),
        ({"type": ["string", "null"]}, Union(members=(STRING, NULL))),
        ({"anyOf": [False, {"type": "string"}]}, STRING),
        ({"allOf": [{"type": "string"}], "description": "d"}, STRING),
        ({"type": "array", "items": {"type": "string"}}, Array(items=STRING)),
        ({"type": "array"}, Array(items=ANY_JSON)),
        (
            {"type": "array", "prefixItems": [{"type": "string"}], "minItems": 1, "maxItems": 1},
            Tuple(prefix=(STRING,), required=1, rest=None),
        ),
        (
            {
                "type": "array",
                "prefixItems": [{"type": "string"}, True],
                "minItems": 1,
                "items": {"type": "integer"},
            },
            Tuple(prefix=(STRING, ANY_JSON), required=1, rest=INTEGER),
        ),
        ({"type": "object"}, Record(values=ANY_JSON)),
        ({"type": "object", "additionalProperties": {"type": "string"}}, Record(values=STRING)),
        (
            {
                "type": "object",
                "patternProperties": {"^a": {"type": "string"}},
                "additionalProperties": False,
            },
            Record(values=STRING),
        ),
    ],
)
def test_a_schema_is_read_as_its_type(schema: dict[str, Any], expected: Type) -> None:
    assert read(schema) == (expected, {})


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"title": "Whatever"},
        {"minimum": 3},
        {"not": {"type": "string"}},
        {"properties": {"a": {"type": "string"}}},
        {"enum": [{"a": 1}, "b"]},
        {"enum": []},
        {"const": [1]},
        {"anyOf": [{"type": "string"}, {}]},
        {"anyOf": []},
        {"oneOf": [True]},
        {"type": "strin"},
        {"type": []},
        {"type": 3, "anyOf": 3, "$ref": 3, "enum": 3, "allOf": 3},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor", "type": "string"}}},
        {"$dynamicRef": "#a"},
        {"$ref": "#/$defs/a", "$defs": {"a": True}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$ref": "#"},
        {
            "$ref": "#/$defs/a/$defs/b",
            "$defs": {"a": {"$id": "https://a", "$defs": {"b": {"type": "string"}}}},
        },
        {"type": "object", "properties": 3, "required": 3, "additionalProperties": 3},
    ],
)
def test_what_cannot_be_said_is_any_json(schema: dict[str, Any]) -> None:
    type_, types = read(schema)
    whole = types[type_.name] if isinstance(type_, Named) else type_
    assert whole in (ANY_JSON, Object(fields=(), extra=ANY_JSON), Record(values=ANY_JSON))


def test_an_object_is_declared_with_what_is_known_of_its_keys() -> None:
    schema = {
        "type": "object",
        "title": "Order",
        "properties": {
            "order id": {"type": "integer", "description": "since 1"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "gone": False,
        },
        "required": ["order id", "more"],
        "additionalProperties": {"type": "boolean"},
    }
    boolean = Scalar(name="boolean")
    assert read(schema) == (
        Named(name="Order"),
        {
            "Order": Object(
                fields=(
                    a_field("order id", INTEGER, description="since 1"),
                    a_field("note", Union(members=(STRING, NULL)), required=False),
                    a_field("more", boolean),
                ),
                extra=boolean,
            )
        },
    )


def test_an_object_without_keys_is_not_a_record_of_anything() -> None:
    nothing: list[dict[str, Any]] = [{"properties": {}}, {"additionalProperties": False}]
    for keys in nothing:
        type_, types = read({"type": "object", "title": "Empty", **keys})
        assert (type_, types) == (Named(name="Empty"), {"Empty": Object(fields=(), extra=None)})


def test_objects_within_are_named_by_their_place() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "ship_to": inner,
            "rows": {"type": "array", "items": inner},
            "by-key": {"type": "object", "additionalProperties": inner},
            "maybe": {**inner, "type": ["object", "null"]},
            "own": {**inner, "title": "Own name"},
        },
    }
    type_, types = read(schema)
    assert type_ == Named(name="FS")
    assert sorted(types) == [
        *("FS", "FSByKeyValue", "FSMaybe", "FSRowsItem", "FSShipTo", "OwnName")
    ]
    whole = types["FS"]
    assert isinstance(whole, Object)
    assert whole.fields[3].type == Union(members=(Named(name="FSMaybe"), NULL))


def test_recursion_is_kept_wherever_it_leads_to() -> None:
    tree = {
        "$defs": {
            "T1": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}
        },
        "$ref": "#/$defs/T1",
    }
    type_, types = read(tree)
    assert type_ == Named(name="T1")
    root, t1 = Named(name="FS"), Named(name="T1")
    assert types == {"T1": Union(members=(INTEGER, Array(items=root))), "FS": t1}
    linked = {"type": "object", "properties": {"next": {"$ref": "#/properties/other"}, "other": {}}}
    linked["properties"]["other"] = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}  # type: ignore[index]
    type_, types = read(linked)
    assert types["Other"] == Union(members=(Named(name="FS"), NULL))


def test_references_are_read_with_their_escapes() -> None:
    schema = {
        "$ref": "#/$defs/a~1b%20c~0%25",
        "$defs": {"a/b c~%": {"type": "object", "properties": {}}},
    }
    assert read(schema)[0] == Named(name="ABC")


def test_schemas_of_any_depth_are_read() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    type_: Type = read(schema)[0]
    depth = 0
    while isinstance(type_, Array):
        type_, depth = type_.items, depth + 1
    assert (type_, depth > 40) == (ANY_JSON, True)
    chain = {f"m{n}": {"type": "array", "items": {"$ref": f"#/$defs/m{n + 1}"}} for n in range(999)}
    types = read({"$ref": "#/$defs/m0", "$defs": {**chain, "m999": {"type": "string"}}})[1]
    assert (len(types), types["M999"]) == (1000, STRING)
