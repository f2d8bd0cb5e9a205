"""validate: a value against any JSON Schema, for users; nothing is stored."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import scalar
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
MONEY = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD", "GBP", "CHF"]},
    },
    "required": ["amount", "currency"],
}
ORDER = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 10},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "price": {"$ref": "#/$defs/Money"},
                    "tags": {"type": "array", "uniqueItems": True, "minItems": 1, "maxItems": 3},
                },
                "required": ["name", "price"],
            },
        },
        "bill_to": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]},
        "event": {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"type": {"const": kind}, "n": {"type": "integer"}},
                    "required": ["type"],
                }
                for kind in ("paid", "sent")
            ]
        },
        "ship_to": {
            "type": "object",
            "properties": {"zip": {"type": "string", "pattern": r"^\d{5}$"}},
            "additionalProperties": False,
        },
    },
    "$defs": {
        "Money": MONEY,
        "Address": {
            "type": "object",
            "properties": {"line1": {"type": "string"}},
            "required": ["line1"],
        },
    },
}
ITEM = {"name": "a pen", "price": {"amount": 1, "currency": "EUR"}}


def errors(tx: Conn, schema: Any, value: Any) -> Any:
    found = scalar(tx, "select pgflow.validate(%s, %s)", [Jsonb(schema), Jsonb(value)])
    return found and [(e["at"], e["keyword"], e["message"]) for e in found]


def test_value_that_fits_has_no_errors(tx: Conn) -> None:
    value = {"items": [ITEM, {**ITEM, "note": None}], "bill_to": None, "event": {"type": "sent"}}
    assert errors(tx, ORDER, value) is None


MISFITS: dict[str, tuple[Any, list[tuple[str, str, str]]]] = {
    "wrong type deep inside": (
        {"items": [ITEM, {**ITEM, "price": {"amount": "1", "currency": "EUR"}}]},
        [("/items/1/price/amount", "type", "expected number, got string")],
    ),
    "none of some constants": (
        {"items": [{**ITEM, "price": {"amount": 1, "currency": "JPY"}}]},
        [
            (
                "/items/0/price/currency",
                "enum",
                '"JPY" is not one of ["EUR", "USD", "GBP", "CHF"]',
            )
        ],
    ),
    "too long": (
        {"items": [{**ITEM, "name": "x" * 11}]},
        [("/items/0/name", "maxLength", "longer than 10 characters (11)")],
    ),
    "less than the minimum": (
        {"items": [{**ITEM, "price": {"amount": -1, "currency": "EUR"}}]},
        [("/items/0/price/amount", "minimum", "-1 is less than 0")],
    ),
    "none of the types of a union": (
        {"items": [{**ITEM, "note": 3}]},
        [("/items/0/note", "type", "expected string or null, got number")],
    ),
    "the only alternative that its type leaves": (
        {"bill_to": {}},
        [("/bill_to", "required", 'missing property "line1"')],
    ),
    "unknown tag": (
        {"event": {"type": "lost"}},
        [("/event/type", "oneOf", '"lost" is not one of ["paid", "sent"]')],
    ),
    "missing tag": (
        {"event": {}},
        [("/event", "required", 'missing property "type"')],
    ),
    "wrong inside the alternative with its tag": (
        {"event": {"type": "paid", "n": 1.5}},
        [("/event/n", "type", "expected integer, got 1.5")],
    ),
    "property that must not be there": (
        {"ship_to": {"extra": 1}},
        [("/ship_to/extra", "additionalProperties", "unexpected property")],
    ),
    "pattern, told as it was written": (
        {"ship_to": {"zip": "1234"}},
        [("/ship_to/zip", "pattern", r'"1234" does not match the pattern ^\d{5}$')],
    ),
    "equal items": (
        {"items": [{**ITEM, "tags": ["a", "b", "a"]}]},
        [("/items/0/tags", "uniqueItems", "items 0 and 2 are equal")],
    ),
    "several errors": (
        {"items": [{"name": 1}, 2]},
        [
            ("/items/0", "required", 'missing property "price"'),
            ("/items/0/name", "type", "expected string, got number"),
            ("/items/1", "type", "expected object, got number"),
        ],
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_error_has_pointer_keyword_and_message(tx: Conn, name: str) -> None:
    value, expected = MISFITS[name]
    assert errors(tx, ORDER, value) == expected


def test_pointer_escapes_what_rfc_6901_escapes(tx: Conn) -> None:
    schema = {"additionalProperties": {"type": "string"}}
    assert errors(tx, schema, {"a/b~c": 1}) == [
        ("/a~1b~0c", "type", "expected string, got number"),
    ]


def test_at_most_twenty_errors_are_told(tx: Conn) -> None:
    found = errors(tx, {"items": {"type": "string"}}, list(range(50)))
    assert [at for at, _, _ in found] == [f"/{n}" for n in range(20)]


def test_long_values_are_cut_in_messages(tx: Conn) -> None:
    [(_, _, message)] = errors(tx, {"enum": ["a"]}, "x" * 1000)
    assert message == f'"{"x" * 60}…" is not "a"'


def test_huge_numbers_are_cut_in_messages(tx: Conn) -> None:
    query = "select pgflow.validate('{\"maximum\": 1}', '1e131000')->0->>'message'"
    assert len(scalar(tx, query)) < 100


def test_sql_null_is_the_json_null(tx: Conn) -> None:
    """Clients send a JSON null as SQL NULL now and then; it must not be taken for "no errors"."""
    query = "select pgflow.validate(%s, null)"
    assert scalar(tx, query, [Jsonb({"type": "null"})]) is None
    assert scalar(tx, query, [Jsonb({"type": "string"})])[0]["keyword"] == "type"


def test_missing_schema_is_refused(tx: Conn) -> None:
    with refused(tx, "PF211") as refusal:
        tx.execute("select pgflow.validate(null, '1')")
    assert refusal.message == "the schema is refused: expected object or boolean, got null"


def test_invalid_schema_is_refused_with_every_fault(tx: Conn) -> None:
    schema = {"properties": {"a": {"type": "text", "minLength": -1}}}
    with refused(tx, "PF211") as refusal:
        errors(tx, schema, {})
    assert refusal.message.startswith("the schema is refused: at /properties/a/")
    assert refusal.message.endswith("(and 1 more)")
    assert {(e["at"], e["keyword"]) for e in refusal.details["errors"]} == {
        ("/properties/a/type", "enum"),
        ("/properties/a/minLength", "minimum"),
    }


def test_deadline_is_an_error_of_its_own_and_not_taken_for_valid(tx: Conn) -> None:
    """Under `not` too, where a limit that counted as a misfit would make the value fit."""
    doubling: dict[str, Any] = {"type": "string"}
    definitions = {"d0": doubling}
    for n in range(1, 60):
        twice = {"$ref": f"#/$defs/d{n - 1}"}
        definitions[f"d{n}"] = {"allOf": [twice, {"allOf": [twice]}]}
    schema = {"not": {"not": {"$ref": "#/$defs/d59"}}, "$defs": definitions}
    tx.execute("set local pgflow.validation_deadline_ms = 50")
    assert errors(tx, schema, "x") == [("", "limit", "validating took longer than 50 ms")]


def test_value_that_nests_too_deeply_is_a_limit(tx: Conn) -> None:
    query = 'select pgflow.validate(\'{"items": {"$ref": "#"}}\', %s::jsonb)'
    [error] = scalar(tx, query, ["[" * 3000 + "]" * 3000])
    assert (error["at"], error["keyword"]) == ("", "limit")


def test_nothing_is_stored(tx: Conn) -> None:
    before = scalar(tx, "select count(*) from pgflow.schemas")
    errors(tx, ORDER, {})
    assert scalar(tx, "select count(*) from pgflow.schemas") == before
