"""No schema and no value makes the engine work for long, and a limit is never taken for a fit."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from tests.support.builders import scalar
from tests.support.refusals import Refusal, refused

Conn = psycopg.Connection[Any]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Expect that the block takes no longer: far more than it takes, far less than unlimited."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def put(tx: Conn, schema: Any) -> bytes:
    row = tx.execute(
        "select pgflow._put_schema(%s::jsonb, '/at', 'the schema')", [json.dumps(schema)]
    ).fetchone()
    assert row is not None
    return bytes(row[0])


def check(tx: Conn, schema: Any, text: str, milliseconds: int = 2000) -> Any:
    """Return the errors of the value; only the check itself has the deadline, not the schema's."""
    schema_id = put(tx, schema)
    tx.execute(f"set local pgflow.validation_deadline_ms = {milliseconds}".encode())
    errors = scalar(tx, "select pgflow._check_value(%s, %s::jsonb)", [schema_id, text])
    tx.execute("set local pgflow.validation_deadline_ms = 2000")
    return errors


def refused_schema(tx: Conn, schema: Any, keyword: str = "limit") -> Refusal:
    with refused(tx, "PF211") as refusal, within(5):
        put(tx, schema)
    assert refusal.details["errors"][0]["keyword"] == keyword
    return refusal


def nested(keyword: str, depth: int) -> Any:
    schema: Any = True
    for _ in range(depth):
        schema = {keyword: {"a": schema} if keyword == "properties" else schema}
    return schema


def test_deep_schemas_are_refused(tx: Conn) -> None:
    for keyword in ("properties", "items", "not"):
        put(tx, nested(keyword, 60))
        for depth in (80, 150, 400):
            refused_schema(tx, nested(keyword, depth))


def test_a_reference_beside_each_level_hides_no_depth(tx: Conn) -> None:
    schema: Any = {"$ref": "#/$defs/leaf"}
    for _ in range(80):
        schema = {"properties": {"a": {"$ref": "#/$defs/leaf"}, "b": schema}}
    refused_schema(tx, {**schema, "$defs": {"leaf": {"type": "null"}}})


def test_a_schema_deeper_than_the_stack_is_refused_and_breaks_nothing(tx: Conn) -> None:
    text = '{"items":' * 5000 + "true" + "}" * 5000
    for function in ("_put_schema(%s::jsonb, '', 'the schema')", "validate(%s::jsonb, '1')"):
        with refused(tx, "PF211"), within(5):
            tx.execute(f"select pgflow.{function}".encode(), [text])


def test_schemas_of_many_nodes_are_refused(tx: Conn) -> None:
    put(tx, {"properties": {f"p{n}": {"minimum": n} for n in range(1500)}})
    refused_schema(tx, {"properties": {f"p{n}": {"minimum": n} for n in range(2500)}})


def test_large_schemas_are_refused_whatever_is_large_in_them(tx: Conn) -> None:
    refused_schema(tx, {"description": "x" * 300_000})
    refused_schema(tx, {"enum": ["x" * 10 + str(n) for n in range(20_000)]})
    with refused(tx, "PF211"), within(5):
        tx.execute(
            "select pgflow._put_schema(%s::jsonb, '', 'the schema')",
            ['{"enum": [' + ",".join(["1e131000"] * 2000) + "]}"],
        )


def test_references_that_double_at_each_step_are_linked_once_each(tx: Conn) -> None:
    """Written out, this schema has 2^40 leaves."""
    defs: dict[str, Any] = {"d40": {"type": "integer"}}
    for n in range(40):
        ref = {"$ref": f"#/$defs/d{n + 1}"}
        defs[f"d{n}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    with within(5):
        schema = {"$ref": "#/$defs/d0", "$defs": defs}
        assert check(tx, schema, '{"a": {"b": {"a": {}}}}') is None
        assert check(tx, schema, '{"a": {"b": {"a": 1}}}')[0]["at"] == "/a/b/a"


def doubling(levels: int, leaf: Any) -> dict[str, Any]:
    """Return a schema that asks 2^levels times about the same value."""
    defs: dict[str, Any] = {f"d{levels}": leaf}
    for n in range(levels):
        ref = {"$ref": f"#/$defs/d{n + 1}"}
        defs[f"d{n}"] = {"allOf": [ref, ref], "title": "no mere reference"}
    return {"$ref": "#/$defs/d0", "$defs": defs}


def test_a_walk_that_doubles_at_each_step_hits_the_deadline(tx: Conn) -> None:
    with within(3):
        errors = check(tx, doubling(40, {"type": "integer"}), "1", 200)
    assert [(e["at"], e["keyword"]) for e in errors] == [("", "limit")]
    assert "200 ms" in errors[0]["message"]


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"$ref": "#/$defs/slow"}},
        {"not": {"not": {"$ref": "#/$defs/slow"}}},
        {"anyOf": [{"$ref": "#/$defs/slow"}, {"minItems": 1}]},
        {"oneOf": [{"$ref": "#/$defs/slow"}, True]},
        {"if": {"$ref": "#/$defs/slow"}, "else": True},
        {"contains": {"$ref": "#/$defs/slow"}, "minContains": 0, "maxContains": 9},
        {"items": {"not": {"$ref": "#/$defs/slow"}}},
        {"unevaluatedItems": {"not": {"$ref": "#/$defs/slow"}}},
        {"properties": {"a": {"not": {"$ref": "#/$defs/slow"}}}},
        {"propertyNames": {"not": {"$ref": "#/$defs/slow"}}},
        {"dependentSchemas": {"a": {"not": {"$ref": "#/$defs/slow"}}}},
    ],
    ids=str,
)
def test_a_limit_is_a_limit_where_a_misfit_would_be_a_fit(tx: Conn, schema: Any) -> None:
    """A deadline taken for `does not fit` would be a fit under `not`."""
    slow = doubling(40, {"minimum": 0})
    schema = {**schema, "$defs": {"slow": slow["$defs"]["d0"], **slow["$defs"]}}
    of_objects = {"properties", "propertyNames", "dependentSchemas"} & set(schema)
    with within(3):
        errors = check(tx, schema, '{"a": 1}' if of_objects else "[1]", 200)
    assert [e["keyword"] for e in errors] == ["limit"]


def test_alternatives_inside_alternatives_are_compiled_once_each(tx: Conn) -> None:
    """Each may rival the others, at every level; 3^5 alternatives once took four minutes."""

    def choice(depth: int) -> Any:
        if depth == 0:
            return {"minimum": 1}
        return {
            "oneOf": [
                {"properties": {f"x{n}": {"maximum": n}}, "allOf": [choice(depth - 1)]}
                for n in range(3)
            ]
        }

    with within(30):
        put(tx, choice(5))


def test_many_names_and_many_patterns_hit_the_deadline(tx: Conn) -> None:
    patterns = {f"^a{n}b": False for n in range(1500)}
    value = json.dumps({f"k{n}": n for n in range(3000)})
    for schema in (
        {"patternProperties": patterns},
        {"patternProperties": patterns, "additionalProperties": {"minimum": 0}},
        {"allOf": [{"patternProperties": patterns}], "unevaluatedProperties": True},
    ):
        with within(5):
            errors = check(tx, schema, value, 200)
        assert [e["keyword"] for e in errors] == ["limit"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (
            {
                "properties": {f"p{n}": True for n in range(1500)},
                "additionalProperties": {"type": "integer"},
            },
            {f"k{n}": n for n in range(30_000)},
        ),
        ({"items": {"enum": [f"k{n}" for n in range(3000)]}}, ["k2999"] * 30_000),
        (
            {"patternProperties": {f"^a{n}": {"type": "integer"} for n in range(300)}},
            {f"k{n}": n for n in range(10_000)},
        ),
    ],
    ids=["names", "enum", "patterns"],
)
def test_a_predicate_that_would_compare_millions_of_times_is_left_to_the_walker(
    tx: Conn, schema: Any, value: Any
) -> None:
    """A predicate has no deadline."""
    with within(6):
        errors = check(tx, schema, json.dumps(value))
    assert errors is None or [e["keyword"] for e in errors] == ["limit"]


@pytest.mark.parametrize("item", [{"$ref": "#"}, {"not": {"not": {"$ref": "#"}}}], ids=str)
def test_values_nested_beyond_the_stack_are_a_limit_and_no_crash(tx: Conn, item: Any) -> None:
    schema = {"type": ["array", "integer"], "items": item}
    for depth in (10, 100):
        assert check(tx, schema, "[" * depth + "1" + "]" * depth) is None
        errors = check(tx, schema, "[" * depth + '"x"' + "]" * depth)
        assert errors is not None
    for depth in (1000, 5000):
        with within(10):
            errors = check(tx, schema, "[" * depth + "1" + "]" * depth)
        assert errors is None or [e["keyword"] for e in errors] == ["limit"]


def test_patterns_that_are_evil_elsewhere_are_quick(tx: Conn) -> None:
    text = json.dumps("a" * 100_000 + "!")
    for pattern in ("^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "^(.*a){10}$", "(x+x+)+y"):
        with within(3):
            assert check(tx, {"pattern": pattern}, text)[0]["keyword"] == "pattern"


@pytest.mark.parametrize(
    "pattern",
    [
        r"^(a{0,140}){0,140}b$",
        r"^a{0,256}$",
        r"((a{100}){100}){100}",
        r"(.)\1",
        r"(?<x>a)\k<x>",
        "(?i)abc",
        "***=abc",
        "(?P=x)",
        "x" * 1001,
        "a{1,99999999999}",
        "[a",
        "(a",
        r"\pL",
        r"(?=.*\d).+",
        r"^a((?=.*x).)*$",
        r"^(?=.*a)b|(?!c+)d",
        r"(?<!a{2,})$",
    ],
)
def test_patterns_that_cost_much_or_mean_something_else_are_refused(tx: Conn, pattern: str) -> None:
    with within(1):
        refusal = refused_schema(tx, {"pattern": pattern}, "pattern")
        refused_schema(tx, {"patternProperties": {pattern: True}}, "patternProperties")
    assert "pattern" in refusal.message
    assert refusal.details["errors"][0]["at"] == "/at/pattern"


@pytest.mark.parametrize(
    ("pattern", "fits", "misfit"),
    [
        (r"^(?=.*\d)(?=.*[a-z])(?!.*\s$).{2,}$", "1a", "a1 "),
        (r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$", "1.5", "."),
        (r"^(?=a+b)a|^(?![x-z]*!)c", "ab", "b"),
        (r"^(?:(?!foo).)*$", "fo", "a foo"),
        (r"(?<!_)$", "a", "a_"),
        (r"^[(?=*]+\(?=*$", "(?=", "a"),
    ],
)
def test_looking_ahead_from_the_beginning_or_not_far_is_taken(
    tx: Conn, pattern: str, fits: str, misfit: str
) -> None:
    assert check(tx, {"pattern": pattern}, json.dumps(fits)) is None
    assert check(tx, {"pattern": pattern}, json.dumps(misfit))[0]["keyword"] == "pattern"
    with within(3):
        check(tx, {"pattern": pattern}, json.dumps("a" * 200_000 + misfit))


def test_numbers_that_are_short_only_in_json_stay_cheap(tx: Conn) -> None:
    many = "[" + ",".join(["1e131000"] * 2000) + "]"
    for schema in (
        {"items": {"type": "string"}},
        {"items": {"maximum": 5}},
        {"items": {"enum": [1, 2]}},
        {"items": {"type": "integer", "maximum": 0, "multipleOf": 7}},
        {"items": {"multipleOf": 0.01, "maximum": 0}},
        {"uniqueItems": True},
        {"const": 1},
    ):
        with within(5):
            errors = check(tx, schema, many)
        assert 1 <= len(errors) <= 20
        assert len(json.dumps(errors)) < 20_000


def test_numbers_at_the_ends_of_what_postgres_holds_are_judged(tx: Conn) -> None:
    for text in ("1e131071", "-1e131071", "1e-16383", "0.1e-16000", "-0", "0e5"):
        with within(5):
            assert check(tx, {"type": "number"}, text) is None
            check(tx, {"type": "integer", "multipleOf": 3}, text)
            check(tx, {"multipleOf": 1e-300}, text)


def test_reports_stay_small_whatever_the_value_is(tx: Conn) -> None:
    long = "k" * 100_000
    for schema, value in (
        ({"additionalProperties": {"type": "null"}}, {long + str(n): 1 for n in range(50)}),
        ({"items": {"const": long}}, [long + "x"] * 50),
        ({"items": {"enum": [long, long + "y"]}}, [long + "x"] * 50),
        ({"propertyNames": {"maxLength": 3}}, {long + str(n): 1 for n in range(50)}),
        ({"required": [long + str(n) for n in range(2)]}, {}),
        ({"items": {"pattern": "^b+$"}}, [long] * 50),
    ):
        with within(5):
            errors = check(tx, schema, json.dumps(value))
        assert 1 <= len(errors) <= 20
        assert len(json.dumps(errors)) < 20_000
