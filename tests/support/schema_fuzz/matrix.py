"""Every small assertion in every place where a schema may stand, asked about every small value.

Not random, so that a wrong reading of one keyword under another is found at once and each time.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tests.support.schema_fuzz import Json, Schema

ASSERTIONS: Final[Sequence[Schema]] = (
    *({"type": name} for name in ("object", "array", "string", "number", "integer", "boolean")),
    *({"type": "null"}, {"type": ["integer", "string"]}, {"type": ["number", "integer", "null"]}),
    *({"const": value} for value in (None, False, 0, 1.0, "", "a", [], [1], {}, {"a": 1})),
    *(
        {"enum": [1, "a", None]},
        {"enum": [[1], {"a": 1}, "b"]},
        {"type": "integer", "enum": [1, 2.5]},
    ),
    {"enum": [*"ABabcdefghijk", "", "é", "🙂", "abc", "\n", *range(12), 0.5, -1, 2.5, None, False]},
    *({"minimum": 1}, {"maximum": 1}, {"exclusiveMinimum": 1}, {"exclusiveMaximum": 1}),
    *({"multipleOf": 0.5}, {"multipleOf": 2, "minimum": 0}, {"type": "integer", "maximum": 1}),
    *({"minLength": 0}, {"minLength": 1}, {"minLength": 2}, {"maxLength": 0}, {"maxLength": 1}),
    *(
        {"pattern": "^[a-c]*$"},
        {"pattern": "^a"},
        {"pattern": r"^\d\w?$"},
        {"pattern": ""},
        {"pattern": "b$", "minLength": 1},
    ),
    *({"pattern": "^.*$", "maxLength": 1}, {"type": "string", "minLength": 1, "maxLength": 1}),
    *({"minItems": 0}, {"minItems": 1}, {"minItems": 2}, {"maxItems": 0}, {"maxItems": 1}),
    *(
        {"uniqueItems": True},
        {"uniqueItems": False},
        {"items": {"type": "integer"}},
        {"items": False},
    ),
    *(
        {"prefixItems": [{"const": 1}]},
        {"prefixItems": [True, False]},
        {"prefixItems": [{}], "items": False},
    ),
    *(
        {"contains": {"const": 1}},
        {"contains": True},
        {"contains": {"const": "a"}, "minContains": 0},
    ),
    *(
        {"contains": {"type": "integer"}, "minContains": 2},
        {"contains": {"minLength": 1}, "maxContains": 1},
    ),
    *({"minProperties": 0}, {"minProperties": 1}, {"minProperties": 2}, {"maxProperties": 0}),
    *(
        {"maxProperties": 1},
        {"required": ["a"]},
        {"required": []},
        {"dependentRequired": {"a": ["b"]}},
    ),
    *(
        {"properties": {"a": {"type": "integer"}}},
        {"properties": {"a": False}},
        {"properties": {"a": {}}},
    ),
    *({"properties": {"a": {"minLength": 1}}, "required": ["a"]}, {"additionalProperties": False}),
    *(
        {"additionalProperties": {"type": "integer"}},
        {"properties": {"a": True}, "additionalProperties": False},
    ),
    *({"patternProperties": {"^a": {"type": "integer"}}}, {"patternProperties": {"": False}}),
    *(
        {"patternProperties": {"^a": {}}, "additionalProperties": False},
        {"propertyNames": {"const": "a"}},
    ),
    *(
        {"propertyNames": {"maxLength": 1}},
        {"propertyNames": False},
        {"dependentSchemas": {"a": False}},
    ),
    *({"dependentSchemas": {"a": {"required": ["b"]}}}, {"type": "object", "required": ["a"]}),
    *(
        {"anyOf": [{"type": "string"}, {"minimum": 1}]},
        {"oneOf": [{"type": "number"}, {"maximum": 1}]},
    ),
    *(
        {"allOf": [{"type": "object"}, {"required": ["a"]}]},
        {"not": {}},
        {"not": {"required": ["a"]}},
    ),
    *(
        {"if": {"type": "string"}, "then": {"minLength": 1}},
        {"if": {"minimum": 1}, "else": {"const": 0}},
    ),
    *(True, False, {}),
)
VALUES: Final[Sequence[Json]] = (
    *(
        None,
        True,
        False,
        0,
        1,
        1.0,
        2,
        0.5,
        2.5,
        -1,
        "",
        "a",
        "b",
        "ab",
        "abc",
        "\n",
        "🙂",
        "1",
        "٣",
    ),
    *([], [1], [1.0, 1], [1, 2], ["a"], [""], [[]], [None], ["a", 1, True], [{}], [1, "a"]),
    *({}, {"a": 1}, {"a": "x"}, {"a": ""}, {"a": None}, {"b": 1}, {"a": 1, "b": 2}, {"ab": "x"}),
    *({"a": {"a": 1}}, {"c": [1]}, {"": 1}),
)
_OTHERS: Final[Sequence[Json]] = (None, 1, "a", [], [1], {}, {"a": 1})
"""What is asked too where the assertion is about a part of the value."""
Place = tuple[Callable[[Schema], Schema], Callable[[Json], Json]]


def _itself(value: Json) -> Json:
    return value


def _member(value: Json) -> Json:
    return {"p": value}


_ONE: Final[Schema] = {"type": "integer"}
PLACES: Final[dict[str, Place]] = {
    "alone": (lambda a: a, _itself),
    "not": (lambda a: {"not": a}, _itself),
    "if": (lambda a: {"if": a, "then": False}, _itself),
    "if else": (lambda a: {"if": a, "else": {"type": "string"}}, _itself),
    "then": (lambda a: {"if": {"type": ["string", "object"]}, "then": a, "else": False}, _itself),
    "oneOf": (lambda a: {"oneOf": [a, _ONE, {"type": "object"}]}, _itself),
    "oneOf with its opposite": (lambda a: {"oneOf": [a, {"not": a}]}, _itself),
    "anyOf beside": (lambda a: {"minLength": 1, "anyOf": [_ONE, a]}, _itself),
    "$ref": (lambda a: {"$ref": "#/$defs/a", "$defs": {"a": a}, "maxLength": 2}, _itself),
    "property": (lambda a: {"properties": {"p": a}}, _member),
    "required property": (lambda a: {"properties": {"p": a}, "required": ["p"]}, _member),
    "other property": (lambda a: {"additionalProperties": a}, _member),
    "property by pattern": (lambda a: {"patternProperties": {"^p": a}}, _member),
    "not of a property": (lambda a: {"not": {"properties": {"p": a}}}, _member),
    "not of other properties": (lambda a: {"not": {"additionalProperties": a}}, _member),
    "not contains": (lambda a: {"not": {"contains": a}}, lambda v: [v]),
    "property name": (
        lambda a: {"propertyNames": a},
        lambda v: {v if isinstance(v, str) else json.dumps(v): 1},
    ),
    "item": (lambda a: {"items": a}, lambda v: [v]),
    "later item": (lambda a: {"prefixItems": [_ONE, a], "items": a}, lambda v: [0, v, v]),
    "not of items": (lambda a: {"not": {"items": a}}, lambda v: [v]),
    "contains": (lambda a: {"contains": a}, lambda v: [[{"z": 0}], v]),
    "dependent": (
        lambda a: {"dependentSchemas": {"p": {"properties": {"p": a}, "maxProperties": 1}}},
        _member,
    ),
    "unevaluated": (lambda a: {"properties": {"q": a}, "unevaluatedProperties": a}, _member),
}


def matrix(place: str) -> Iterator[tuple[Schema, list[Json]]]:
    """Give each assertion as it stands there, with values that put each small value there."""
    schema_of, value_of = PLACES[place]
    for assertion in ASSERTIONS:
        own = assertion.get("enum", ()) if isinstance(assertion, dict) else ()
        yield schema_of(assertion), [*map(value_of, (*VALUES, *own)), *_OTHERS]
