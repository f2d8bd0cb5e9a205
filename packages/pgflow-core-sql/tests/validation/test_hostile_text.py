"""Text of a schema or of a value is never taken for anything but text, wherever it stands."""

import json
import re
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from tests.support.schema_fuzz import Json, Schema
from tests.support.schema_fuzz.judges import Judges

Conn = psycopg.Connection[Any]

HOSTILE = (
    *(
        "'",
        "''",
        '"',
        '""',
        "\\",
        "\\\\",
        "\\'",
        '\\"',
        "$$",
        "$1",
        "$body$",
        "%",
        "%s",
        "%L",
        "%%I",
    ),
    *(
        "'; drop table canary; --",
        '"; drop table canary; --',
        "$$; drop table canary; $$",
        "/*",
        "--",
    ),
    *(
        "');select pg_sleep(9);--",
        "x' or '1'='1",
        "E'\\''",
        "U&'\\0027'",
        "{}",
        "{1,2}",
        "NULL",
        "null",
    ),
    *(
        '" || exists(@.*) || @ == "',
        '" flag "x',
        "@.*",
        "$.**",
        '") || (1 == 1',
        "\\u0022",
        "\\\\u0022",
    ),
    *(
        "a\nb",
        "\t\r\x01",
        "\u2028",
        "🙂\u202eé",
        "~1~0/%25#",
        "a" * 150,
        "",
        " ",
        "__proto__",
        "^.*$",
    ),
)
POSITIONS: dict[str, Any] = {
    "property": lambda s: ({"properties": {s: {"type": "null"}}}, [{s: None}, {s: 1}, {}]),
    "required": lambda s: ({"required": [s]}, [{s: 1}, {}, {s + "x": 1}]),
    "closed": lambda s: (
        {"properties": {s: True}, "additionalProperties": False},
        [{s: 1}, {s + "x": 1}, {s: 1, "other": 1}, {}],
    ),
    "const": lambda s: ({"const": s}, [s, s + "x", [s], None]),
    "enum": lambda s: ({"enum": [s, {s: [s]}, 1]}, [s, {s: [s]}, {s: s}, s + "x", 1]),
    "tag": lambda s: (
        {
            "oneOf": [
                {"properties": {s: {"const": s}}, "required": [s]},
                {"properties": {s: {"const": s + "x"}, "n": {"type": "null"}}, "required": [s]},
            ]
        },
        [{s: s}, {s: s + "x", "n": 1}, {s: s + "x"}, {s: s + "y"}, {}, {s: 1}],
    ),
    "pattern": lambda s: ({"pattern": f"^{literal(s)}$"}, [s, s + "x", "x" + s]),
    "patternProperties": lambda s: (
        {"patternProperties": {literal(s): {"type": "null"}}, "additionalProperties": False},
        [{s: None}, {s: 1}, {s + "x": None}, {"other": None}],
    ),
    "propertyNames": lambda s: ({"propertyNames": {"const": s}}, [{s: 1}, {s + "x": 1}, {}]),
    "dependent": lambda s: (
        {"dependentRequired": {s: [s + "x"]}, "dependentSchemas": {s + "x": {"required": [s]}}},
        [{s: 1}, {s: 1, s + "x": 1}, {s + "x": 1}, {}],
    ),
    "definition": lambda s: (
        {"$ref": "#/$defs/" + pointer(s), "$defs": {s: {"type": "integer"}}},
        [1, s, {}],
    ),
    "under not": lambda s: (
        {"not": {"properties": {s: {"enum": [s, 1]}}, "required": [s]}},
        [{s: s}, {s: 1}, {s: 2}, {}, s],
    ),
    "contains": lambda s: ({"contains": {"const": s}, "maxContains": 1}, [[s], [s, s], [], [1]]),
    "annotation": lambda s: (
        {
            "title": s,
            "description": s,
            "$comment": s,
            "default": s,
            "x-own": {s: s},
            "type": "null",
        },
        [None, s],
    ),
}


def literal(text: str) -> str:
    """Return the pattern that matches *text* alone, in the dialect of every engine."""
    return re.sub(r"[\\^$.*+?()\[\]{}|/]", r"\\\g<0>", text)


def pointer(text: str) -> str:
    return quote(text.replace("~", "~0").replace("/", "~1"), safe="")


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("strings", ["on", "off"])
def test_hostile_text_is_text(tx: Conn, position: str, strings: str) -> None:
    tx.execute("create temp table canary ()")
    tx.execute(f"set local standard_conforming_strings = {strings}".encode())
    judges = Judges(tx)
    for text in HOSTILE:
        case: tuple[Schema, list[Json]] = POSITIONS[position](text)
        assert list(judges.problems(*case)) == [], json.dumps(case)
    tx.execute("select from canary")


def outcome(tx: Conn, schema: Schema, value: Json) -> str | None:
    """Return the SQLSTATE with which `validate` refuses the schema, if it does."""
    try:
        with tx.transaction():
            tx.execute(
                "select pgflow.validate(%s::jsonb, %s::jsonb)",
                [json.dumps(schema), json.dumps(value)],
            )
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_hostile_patterns_and_references_are_refused_or_taken_but_never_run(tx: Conn) -> None:
    tx.execute("create temp table canary ()")
    for text in HOSTILE:
        assert outcome(tx, {"pattern": text}, text) in (None, "PF211"), text
        assert outcome(tx, {"patternProperties": {text: False}}, {text: 1}) in (None, "PF211"), text
        identified = {"$id": "https://example.com/" + text, "$ref": text, "$anchor": "a"}
        assert outcome(tx, identified, 1) in (None, "PF211"), text
    tx.execute("select from canary")
