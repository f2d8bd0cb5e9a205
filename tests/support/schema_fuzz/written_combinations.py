"""Written schemas, continued: schemas that apply others to the same value, and references."""

from collections.abc import Sequence
from typing import Final

from tests.support.schema_fuzz import Json, Schema

_TREE_BASE: Final[Schema] = {
    "$id": "https://example.com/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {
        "data": True,
        "children": {"type": "array", "items": {"$dynamicRef": "#node"}},
    },
}

COMBINATIONS: Final[dict[str, tuple[Schema, Sequence[Json]]]] = {
    "property counts under not": (
        {"not": {"minProperties": 2}},
        ({}, {"a": 1}, {"a": 1, "b": 1}, []),
    ),
    "contains under not": (
        {"not": {"contains": {"enum": ["a", 1]}}},
        ([], ["a"], [1.0], ["b"], "a"),
    ),
    "if then else": (
        {
            "type": "object",
            "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "number"}},
            "if": {"properties": {"kind": {"const": "a"}}, "required": ["kind"]},
            "then": {"required": ["n"], "properties": {"n": {"minimum": 0}}},
            "else": {"not": {"required": ["n"]}},
        },
        (
            {"kind": "a", "n": 1},
            {"kind": "a"},
            {"kind": "b", "n": 1},
            {},
            {"n": 1},
            {"kind": "a", "n": -1},
        ),
    ),
    "if without then": ({"if": {"type": "string"}, "else": {"minimum": 3}}, ("", 2, 3, None)),
    "if of a missing property": (
        {"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}},
        ({}, {"a": 1}, {"a": 2}, {"a": 1, "b": 1}, []),
    ),
    "if of a length": (
        {"if": {"minLength": 3}, "then": {"pattern": "^a"}, "else": {"maxLength": 1}},
        ("abc", "xbc", "ab", "a", 1),
    ),
    "dependentSchemas": (
        {"dependentSchemas": {"a": {"required": ["b"], "minProperties": 3}, "c": False}},
        ({"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "d": 1}, {"c": 1}, ["c"], "c"),
    ),
    "dependentSchemas evaluate nothing of an array": (
        {"dependentSchemas": {"a": {"items": True}}, "unevaluatedItems": False},
        (["a"], [], {"a": 1}, ["b"]),
    ),
    "not of a property": (
        {"not": {"properties": {"a": {"type": "string"}}}},
        ({}, {"a": 1}, {"a": "x"}, 1),
    ),
    "not not": (
        {
            "not": {
                "not": {"type": "object", "required": ["a"], "properties": {"a": {"maxLength": 2}}}
            }
        },
        ({"a": "abc"}, {"a": "ab"}, {}, 1),
    ),
    "not of an optional property": (
        {"items": {"not": {"type": "object", "properties": {"a": {"enum": [1, "x"]}}}}},
        ([{}], [{"a": 1}], [{"a": 2}], [1], [{"b": 2}]),
    ),
    "oneOf that overlap": (
        {"oneOf": [{"type": "integer"}, {"minimum": 2}, {"type": "string", "minLength": 2}]},
        (1, 2, 2.5, 1.5, "a", "ab", None),
    ),
    "oneOf of objects that overlap": (
        {
            "oneOf": [
                {"type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}},
                {"type": "object", "required": ["b"], "properties": {"b": {"maxLength": 1}}},
                {"type": "object", "maxProperties": 0},
            ]
        },
        ({}, {"a": 1}, {"b": "x"}, {"a": 1, "b": "x"}, {"a": 1, "b": "xx"}, {"a": "x", "b": "xx"}),
    ),
    "oneOf of one tag with overlap": (
        {
            "oneOf": [
                {
                    "properties": {"kind": {"enum": ["a", "b"]}, "n": {"type": "integer"}},
                    "required": ["kind"],
                },
                {"properties": {"kind": {"enum": ["b", "c"]}}, "required": ["kind"]},
            ]
        },
        (
            {"kind": "a", "n": 1},
            {"kind": "b", "n": 1},
            {"kind": "b", "n": "x"},
            {"kind": "c"},
            {},
            1,
            [],
        ),
    ),
    "oneOf with a tag that is optional": (
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}},
                },
                {"type": "object", "properties": {"kind": {"const": "b"}, "s": {"type": "string"}}},
            ]
        },
        ({}, {"kind": "a"}, {"n": "x"}, {"kind": "b", "s": 1}, {"kind": 1}),
    ),
    "oneOf of the same twice": (
        {"oneOf": [{"type": "string"}, {"type": "string"}, {"type": "null"}]},
        ("a", None, 1),
    ),
    "oneOf with true": ({"oneOf": [True, {"required": ["a"]}]}, ({}, {"a": 1}, 1)),
    "anyOf of constants": (
        {"anyOf": [{"const": 1}, {"const": "a"}, {"enum": [None, [1]]}, {"const": {"a": 1}}]},
        (1.0, "a", [1], {"a": 1.0}, {"a": 2}, True),
    ),
    "anyOf with lengths": (
        {
            "anyOf": [
                {"type": "string", "maxLength": 2},
                {"type": "array", "maxItems": 1},
                {"minLength": 4},
            ]
        },
        ("ab", "abc", "abcd", [1], [1, 2], 5),
    ),
    "anyOf beside properties": (
        {
            "properties": {"a": {"type": "integer"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        ({"a": 1}, {"b": 1}, {"a": "x", "b": 1}, {}, 1),
    ),
    "allOf of closed objects": (
        {
            "allOf": [
                {"properties": {"a": True}, "additionalProperties": {"type": "string"}},
                {"properties": {"b": {"type": "integer"}}},
            ]
        },
        ({"a": 1}, {"b": 1}, {"a": 1, "b": "x"}, {}),
    ),
    "additionalProperties that knows no allOf": (
        {"allOf": [{"properties": {"a": True}}], "additionalProperties": False},
        ({"a": 1}, {}, [1]),
    ),
    "unevaluatedProperties over allOf": (
        {
            "allOf": [
                {"properties": {"a": True}},
                {"patternProperties": {"^b": {"type": "integer"}}},
            ],
            "properties": {"c": True},
            "unevaluatedProperties": False,
        },
        ({"a": 1, "b1": 1, "c": 1}, {"b": "x"}, {"d": 1}, {}, [1]),
    ),
    "unevaluatedProperties over anyOf": (
        {
            "anyOf": [
                {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ],
            "unevaluatedProperties": {"type": "string"},
        },
        ({"a": 1}, {"a": 1, "b": 1}, {"a": 1, "b": "x"}, {"a": 1, "b": None}, {"a": 1, "c": 1}, {}),
    ),
    "unevaluatedProperties over if": (
        {
            "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
            "then": {"properties": {"b": True}},
            "else": {"properties": {"c": True}},
            "unevaluatedProperties": False,
        },
        ({"a": 1, "b": 1}, {"a": 2}, {"c": 1}, {"b": 1}, {"a": 1, "c": 1}),
    ),
    "unevaluatedProperties over not and dependents": (
        {
            "not": {"not": {"properties": {"z": True}}},
            "dependentSchemas": {"a": {"properties": {"a": True, "b": True}}},
            "unevaluatedProperties": False,
        },
        ({"a": 1, "b": 1}, {"b": 1}, {"z": 1}, {}),
    ),
    "unevaluatedProperties over a reference": (
        {
            "$ref": "#/$defs/base",
            "properties": {"b": True},
            "unevaluatedProperties": False,
            "$defs": {
                "base": {
                    "properties": {"a": True},
                    "oneOf": [{"required": ["a"]}, {"properties": {"d": True}, "required": ["d"]}],
                }
            },
        },
        ({"a": 1}, {"d": 1}, {"a": 1, "d": 1}, {"b": 1}, {"a": 1, "c": 1}),
    ),
    "unevaluatedProperties one inside another": (
        {
            "allOf": [{"properties": {"a": True}, "unevaluatedProperties": {"type": "integer"}}],
            "unevaluatedProperties": False,
        },
        ({"a": "x", "b": 1}, {"b": "x"}, {}),
    ),
    "unevaluatedItems over prefixItems": (
        {
            "prefixItems": [{"type": "integer"}],
            "anyOf": [
                {"prefixItems": [True, {"const": "a"}]},
                {"prefixItems": [True, True, {"const": 1}]},
            ],
            "unevaluatedItems": False,
        },
        ([1], [1, "a"], [1, "a", 1], [1, "b", 1], [1, "b"], [1, "b", 1, 1], {}),
    ),
    "unevaluatedItems over contains": (
        {"contains": {"type": "string"}, "minContains": 0, "unevaluatedItems": {"type": "integer"}},
        (["a", 1], [1], [], [None], ["a", None]),
    ),
    "recursion": (
        {
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "v": {"type": "integer"},
                        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    },
                    "required": ["v"],
                    "additionalProperties": False,
                }
            },
        },
        ({"v": 1, "next": {"v": 1, "next": {"v": 1, "next": None}}}, {"v": 1, "next": {"v": "x"}}),
    ),
    "recursion without an end in sight": (
        {"items": {"$ref": "#"}, "maxItems": 2, "type": ["array", "integer"]},
        ([[[[[[[[[[[[[1]]]]]]]]]]]]], [[[[[[[[[[[["x"]]]]]]]]]]]], [[1, 2, 3]]),
    ),
    "references beside other keywords": (
        {
            "properties": {
                "a": {"$ref": "#/$defs/s", "maxLength": 3},
                "b": {"$ref": "#/$defs/t~0~1%25"},
            },
            "$defs": {"s": {"type": "string", "minLength": 2}, "t~/%": {"$ref": "#/$defs/s"}},
        },
        ({"a": "ab", "b": "ab"}, {"a": "abcd"}, {"a": "a"}, {"b": "a"}),
    ),
    "anchors and ids": (
        {
            "$id": "https://example.com/root",
            "properties": {
                "a": {"$ref": "#here"},
                "b": {"$ref": "other"},
                "c": {"$ref": "other#there"},
            },
            "$defs": {
                "x": {"$anchor": "here", "type": "integer"},
                "y": {
                    "$id": "other",
                    "type": "string",
                    "$defs": {"z": {"$anchor": "there", "type": "null"}},
                },
            },
        },
        ({"a": 1}, {"a": "x"}, {"b": "x"}, {"b": 1}, {"c": None}, {"c": 1}),
    ),
    "a dynamic reference": (
        {
            "$id": "https://example.com/strict-tree",
            "$dynamicAnchor": "node",
            "$ref": "tree",
            "unevaluatedProperties": False,
            "$defs": {"tree": _TREE_BASE},
        },
        ({"children": [{"data": 1}]}, {"children": [{"daat": 1}]}, {"daat": 1}, {"children": [1]}),
    ),
    "a generic list by dynamic reference": (
        {
            "$id": "https://example.com/strings",
            "$ref": "list",
            "$defs": {
                "strings": {"$dynamicAnchor": "item", "type": "string"},
                "list": {
                    "$id": "list",
                    "type": "array",
                    "items": {"$dynamicRef": "#item"},
                    "$defs": {"any": {"$dynamicAnchor": "item"}},
                },
            },
        },
        (["a"], [1], [], {}),
    ),
    "names of keywords as properties": (
        {
            "properties": {
                "$ref": {"type": "string"},
                "enum": {"const": ["$ref"]},
                "properties": {"properties": {}},
            },
            "required": ["$ref"],
        },
        ({"$ref": "x"}, {"$ref": 1}, {}, {"$ref": "x", "enum": ["$ref"]}, {"$ref": "x", "enum": 1}),
    ),
    "an instance in the place of a schema": (
        {
            "enum": [{"$ref": "#/nowhere"}, {"$id": "x", "type": "nothing"}],
            "default": {"$ref": "#/no"},
        },
        ({"$ref": "#/nowhere"}, {"$id": "x", "type": "nothing"}, {}),
    ),
}
