"""_put_schema: what is stored of a schema, and which schemas are refused."""

import hashlib
from typing import Any, Literal

import psycopg
import pytest
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field, TypeAdapter
from tests.support.builders import scalar
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
WHAT = "the result schema of step 'merge' of flow 'voice_memo'"


def put(tx: Conn, schema: Any) -> bytes:
    return bytes(scalar(tx, "select pgflow._put_schema(%s, '/steps/1', %s)", [Jsonb(schema), WHAT]))


def stored(tx: Conn, schema: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = tx.execute(
        "select program, predicate::text, residual_paths::text[], residual_kinds, residual_mins,"
        " residual_maxs, compiler_version from pgflow.schemas where schema_id = %s",
        [put(tx, schema)],
    ).fetchone()
    assert row is not None
    return row


def predicate(tx: Conn, schema: Any) -> str | None:
    found: str | None = stored(tx, schema)[1]
    return found


def test_id_is_the_sha256_of_the_text_that_postgres_writes(tx: Conn) -> None:
    text = scalar(tx, "select %s::jsonb::text", ['{"type":  "string", "maxLength": 3}'])
    assert put(tx, {"maxLength": 3, "type": "string"}) == hashlib.sha256(text.encode()).digest()


def test_equal_schemas_are_stored_once(tx: Conn) -> None:
    count = "select count(*) from pgflow.schemas"
    before = scalar(tx, count)
    assert put(tx, {"type": "string"}) == put(tx, {"type": "string"})
    assert scalar(tx, count) == before + 1


def test_row_of_an_older_compiler_is_compiled_anew(tx: Conn) -> None:
    schema = {"type": "string"}
    expected = stored(tx, schema)
    tx.execute("update pgflow.schemas set compiler_version = 0, program = '[]', predicate = null")
    assert stored(tx, schema) == expected


def test_row_of_this_compiler_is_left_alone(tx: Conn) -> None:
    put(tx, {"type": "string"})
    tx.execute("update pgflow.schemas set program = '[true]'")
    assert stored(tx, {"type": "string"})[0] == [True]


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str = Field(max_length=20)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(max_length=40)
    owner: str | None


class Home(BaseModel):
    pets: list[Cat | Dog] = Field(discriminator=None)
    by_name: dict[str, Cat]
    spot: tuple[int, float]
    tags: set[str]


class Pet(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


class Tree(BaseModel):
    name: str
    children: list["Tree"]


@pytest.mark.parametrize(
    "model", [str, int, str | None, list[Cat], Home, Pet, Tree, dict[str, list[int]]], ids=str
)
def test_schemas_of_pydantic_have_a_predicate(tx: Conn, model: Any) -> None:
    schema = TypeAdapter(model).json_schema(mode="serialization")
    assert (predicate(tx, schema) or "").startswith("strict $")


def test_bounds_of_an_alternative_are_for_the_values_with_its_tag(tx: Conn) -> None:
    _, _, paths, kinds, mins, maxs, _ = stored(tx, Pet.model_json_schema(mode="serialization"))
    assert list(zip(paths, kinds, mins, maxs, strict=True)) == [
        ('$."pet"?(@."kind" == "cat")."name"', "length", None, 20),
        ('$."pet"?(@."kind" == "dog")."name"', "length", None, 40),
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"unevaluatedProperties": False, "allOf": [{"properties": {"a": True}}]},
        {"type": "array", "contains": {"type": "string"}, "minContains": 2},
        {"not": {"maxLength": 3}},
        {"enum": [{"a": 1}]},
    ],
    ids=str,
)
def test_what_jsonpath_cannot_say_is_left_to_the_walker(tx: Conn, schema: Any) -> None:
    assert predicate(tx, schema) is None


def doubled(keyword: str, levels: int) -> dict[str, Any]:
    """Return a small schema that says the same 2^levels times when its references are followed."""
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for n in range(1, levels):
        reference = {"$ref": f"#/$defs/d{n - 1}"}
        parts = [reference, {"allOf": [reference, True]}]
        definitions[f"d{n}"] = (
            {"properties": {"l": reference, "r": reference}}
            if keyword == "properties"
            else {keyword: parts}
        )
    return {"$ref": f"#/$defs/d{levels - 1}", "$defs": definitions}


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf", "properties"])
def test_schema_that_grows_with_the_power_of_its_depth_is_stored_without_predicate(
    tx: Conn, keyword: str
) -> None:
    tx.execute("set local statement_timeout = '20s'")
    assert predicate(tx, doubled(keyword, 40)) is None


def nested(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"properties": {"a": schema}}
    return schema


REFUSED: dict[str, tuple[Any, str, str, str]] = {
    "unknown type": ({"type": "text"}, "/steps/1/type", "enum", '"text" is not one of'),
    "property that is no schema": (
        {"properties": {"a/b": 3}},
        "/steps/1/properties/a~1b",
        "type",
        "expected object or boolean, got number",
    ),
    "reference that leads nowhere": (
        {"items": {"$ref": "#/$defs/Lost"}},
        "/steps/1/items/$ref",
        "$ref",
        '"#/$defs/Lost" leads to no schema',
    ),
    "document that is not there": (
        {"$ref": "https://example.com/a.json"},
        "/steps/1/$ref",
        "$ref",
        "names a document that this database does not have",
    ),
    "reference to itself": ({"$ref": "#"}, "/steps/1/$ref", "$ref", "leads in a circle"),
    "circle of the same value": (
        {"allOf": [{"$ref": "#"}]},
        "/steps/1",
        "$ref",
        "leads in a circle",
    ),
    "other draft": (
        {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{}]},
        "/steps/1/$schema",
        "$schema",
        "is not draft 2020-12",
    ),
    "keyword of another draft": (
        {"dependencies": {"a": ["b"]}},
        "/steps/1/dependencies",
        "dependencies",
        "write dependentRequired or dependentSchemas",
    ),
    "pattern with a back reference": (
        {"properties": {"a": {"pattern": r"(a)\1"}}},
        "/steps/1/properties/a/pattern",
        "pattern",
        "back references are not supported",
    ),
    "key that is no pattern": (
        {"patternProperties": {"(": True}},
        "/steps/1/patternProperties/(",
        "patternProperties",
        "not valid",
    ),
    "too deep": (nested(65), "/steps/1", "limit", "more than 64 schemas inside each other"),
    "very deep": (nested(120), "/steps/1", "limit", "more than 192 objects and arrays"),
    "too many": (
        {"prefixItems": [{"minimum": n} for n in range(2001)]},
        "/steps/1",
        "limit",
        "more than 2000 schemas",
    ),
    "too large": ({"title": "x" * 300_000}, "/steps/1", "limit", "at most 262144"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal_names_step_and_flow_and_has_the_pointer(tx: Conn, name: str) -> None:
    schema, at, keyword, message = REFUSED[name]
    tx.execute("set local statement_timeout = '20s'")
    with refused(tx, "PF211") as refusal:
        put(tx, schema)
    assert refusal.message.startswith(f"{WHAT} is refused: at {at}: ")
    [error, *_] = refusal.details["errors"]
    assert (error["at"], error["keyword"]) == (at, keyword)
    assert message in error["message"]


def test_number_that_is_short_in_json_and_long_as_text_is_refused(tx: Conn) -> None:
    with refused(tx, "PF211") as refusal:
        tx.execute("select pgflow._put_schema('{\"minimum\": 1e131000}', '', 'the schema')")
    assert "a number of more than 1000 digits" in refusal.message


def test_deadline_for_values_does_not_refuse_schemas(tx: Conn) -> None:
    tx.execute("set local pgflow.validation_deadline_ms = 0")
    put(tx, {"properties": {"a": {"type": "string"}}})
