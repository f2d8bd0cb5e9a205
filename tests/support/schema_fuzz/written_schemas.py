"""Schemas that nobody's models emit, with the keywords where validators go wrong.

A sample is a value worth trying as it is; most are the ones that a wrong reading of the keyword
would judge wrongly.
"""

from collections.abc import Sequence
from typing import Final

from tests.support.schema_fuzz import Json, Schema
from tests.support.schema_fuzz.written_combinations import COMBINATIONS

_ASSERTIONS: Final[dict[str, tuple[Schema, Sequence[Json]]]] = {
    # once compiled to a predicate that asked for nothing
    "integer of an enum": ({"type": "integer", "enum": [1, 2]}, (1, 1.0, 3, "1", 1.5, True)),
    "type beside const": ({"type": ["string", "null"], "const": 1}, (1, None, "1")),
    "const beside enum": ({"const": 1, "enum": [1.0, 2]}, (1, 2, 1.0)),
    "const beside enum without it": ({"const": 3, "enum": [1, 2]}, (1, 2, 3)),
    "numbers are equal by value": (
        {"enum": [1, "a", [1], {"n": 2.0}]},
        (1.0, [1.0], {"n": 2}, [1, 1]),
    ),
    "booleans are no numbers": ({"enum": [0, True, [False]]}, (0, 1, False, True, [0], [False])),
    "enum of objects": (
        {"enum": [{"a": 1, "b": [1, 2]}, {"a": None}, []]},
        ({"b": [1, 2], "a": 1.0}, {"a": 1}, {"a": None}, {}, {"a": 1, "b": [2, 1]}, [], [[]]),
    ),
    "const object in a property": (
        {"properties": {"a": {"const": {"b": [{}, None]}}}, "required": ["a"]},
        ({"a": {"b": [{}, None]}}, {"a": {"b": [{}]}}, {"a": {}}, {"a": None}, {}),
    ),
    "numbers that are integers": (
        {"type": "array", "items": {"type": "integer", "minimum": -2, "exclusiveMaximum": 10}},
        ([1.0, 2, -2], [10.0], [1.5], [1e3], [True], [-2.5]),
    ),
    "nullable bounds": (
        {"type": ["null", "number"], "exclusiveMinimum": 0, "maximum": 5},
        (None, 0, 5),
    ),
    "bounds say nothing of other types": (
        {"minimum": 5, "minLength": 2, "minItems": 1},
        ("", [], 4, {}),
    ),
    "multipleOf": ({"multipleOf": 0.5, "not": {"multipleOf": 2}}, (0.5, 2, 3, 1e20, "x", -0.25)),
    "lengths count characters": (
        {"minLength": 2, "maxLength": 3},
        ("🙂🙃", "é", "abcd", "e\u0301", 1),
    ),
    "a length below a property": (
        {"properties": {"a": {"minLength": 2}, "b": {"properties": {"c": {"maxLength": 1}}}}},
        ({"a": "x"}, {"a": "xx", "b": {"c": "xx"}}, {"a": 1, "b": {"c": "x"}}),
    ),
    "uniqueItems": (
        {"items": {"uniqueItems": True}, "uniqueItems": True},
        ([[1, 1.0]], [[1, True]], [{}, {}], [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], [[1], [True]]),
    ),
    "property counts": (
        {"minProperties": 1, "maxProperties": 2},
        ({}, {"a": 1}, {"a": 1, "b": 2, "c": 3}),
    ),
    "contains": ({"contains": {"type": "string"}}, ([], [1], [1, "a"], {})),
    "contains of a number of items": (
        {"contains": {"const": 1}, "minContains": 2, "maxContains": 3},
        ([1], [1, 1.0], [1, 2, 1, 1, 1], [1, 1, 1, 2]),
    ),
    "minContains 0": (
        {"contains": {"type": "integer"}, "minContains": 0, "maxContains": 1},
        ([], [1, 2]),
    ),
    "minContains alone": ({"minContains": 3, "maxContains": 0}, ([], [1])),
    "prefixItems then items": (
        {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}},
        ([], [1], [1, "a", True], [1, "a", 1], ["a"], [1, 1]),
    ),
    "prefixItems and no more": (
        {"prefixItems": [True, {"type": "null"}], "items": False},
        ([1, None, 2],),
    ),
    "items after prefixItems alone": ({"prefixItems": [False], "items": True}, ([], [1])),
    "dependentRequired": (
        {"dependentRequired": {"a": ["b", "c"], "d": []}},
        ({"a": 1}, {"a": 1, "b": 1, "c": 1}, {"d": 1}, ["a"], "a"),
    ),
    "required is about objects": ({"required": ["a"]}, (["a"], "a", {"a": None}, {}, 1)),
    "additionalProperties beside patterns": (
        {
            "properties": {"x": {"type": "integer"}},
            "patternProperties": {
                "^x": {"type": ["integer", "string"]},
                "[0-9]$": {"type": "string"},
            },
            "additionalProperties": False,
        },
        ({"x": 1}, {"x": "a"}, {"x1": 1}, {"x1": "a"}, {"a": 1}, {"a1": "s"}),
    ),
    "propertyNames": (
        {"propertyNames": {"maxLength": 2, "pattern": "^[a-z]", "not": {"const": "no"}}},
        ({"ab": 1}, {"abc": 1}, {"no": 1}, {"1": 1}, {}, ["abc"]),
    ),
    "propertyNames that none may have": ({"propertyNames": False}, ({}, {"a": 1}, 1)),
    "names that need escapes": (
        {
            "properties": {
                '"': {"type": "string"},
                "a/b~c": {"type": "integer"},
                "$x": {"const": "'"},
                "": {},
            },
            "required": ['"', "a/b~c"],
            "additionalProperties": False,
        },
        (
            {'"': "", "a/b~c": 1},
            {'"': 1, "a/b~c": 1},
            {'"': "", "a/b~c": 1, "$x": "'", "": 0},
            {'"': "", "\\": 1},
        ),
    ),
    "false properties": ({"properties": {"a": False, "b": True}}, ({"a": 1}, {"b": 1}, {})),
    "true": (True, (None, 1, {})),
    "false": (False, (None, 1, {})),
    "empty": ({}, (None, [1])),
    "annotations only": (
        {"title": "t", "default": 1, "format": "email", "examples": [1]},
        ("x", 1),
    ),
    "patterns": (
        {
            "anyOf": [
                {"pattern": r"^[A-Z]{2}-\d{1,3}$"},
                {"pattern": r"\bcaf[^\s]\B|^.$"},
                {"type": "null"},
            ]
        },
        ("AB-12", "AB-1234", "café", "a\nb", "\n", "x", None),
    ),
    "a pattern with brackets": ({"pattern": r"^[\[\]\-\w.]+$"}, ("[a-b]", "a b", "", "x.y", "é")),
    "patterns that look ahead": (
        {"pattern": r"^(?!.*\s$)(?=.*\d)[^x]{2,}(?:a|b1)?$"},
        ("12", "1 ", "x1", "ab"),
    ),
}

WRITTEN_SCHEMAS: Final = {**_ASSERTIONS, **COMBINATIONS}
"""Schema and samples, by what they are about."""
