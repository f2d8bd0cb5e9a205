"""Defects that the fuzz found, each by its smallest case."""

from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from tests.support.builders import scalar

Conn = psycopg.Connection[Any]


def errors(tx: Conn, schema: Any, value: Any) -> Any:
    return scalar(tx, "select pgflow.validate(%s, %s)", [Jsonb(schema), Jsonb(value)])


def test_integer_beside_number_is_a_schema_like_any_other(tx: Conn) -> None:
    schema = {"type": ["integer", "number"]}
    assert errors(tx, schema, 1.5) is None
    assert errors(tx, schema, "1.5")[0]["keyword"] == "type"


def test_a_null_that_is_not_allowed_is_named_in_the_message(tx: Conn) -> None:
    assert errors(tx, {"const": 0}, None)[0]["message"] == "null is not 0"
    assert errors(tx, {"enum": [1, 2]}, None)[0]["message"] == "null is not one of [1, 2]"


def test_dependent_schemas_evaluate_no_items_of_an_array(tx: Conn) -> None:
    schema = {"dependentSchemas": {"a": {"items": True}}, "unevaluatedItems": False}
    assert errors(tx, schema, ["a"])[0]["at"] == "/0"
    assert errors(tx, schema, []) is None


def test_a_pattern_under_not_matches_the_empty_string(tx: Conn) -> None:
    """Its predicate once asked for a text that is not empty, which nobody had asked for."""
    schema_id = scalar(
        tx, "select pgflow._put_schema(%s, '', '')", [Jsonb({"not": {"pattern": "^a*$"}})]
    )
    check = "select pgflow._check_value(%s, %s)"
    assert scalar(tx, check, [schema_id, Jsonb("")])[0]["keyword"] == "not"
    assert scalar(tx, check, [schema_id, Jsonb("b")]) is None
