"""_check_value: a stored schema says what fits, at once where it can, else by the walker."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import scalar

Conn = psycopg.Connection[Any]
NAMES = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 5},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "scores": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "maxProperties": 2,
        },
        "next": {"$ref": "#"},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def put(tx: Conn, schema: Any) -> bytes:
    found: bytes = scalar(tx, "select pgflow._put_schema(%s, '', 'the schema')", [Jsonb(schema)])
    return found


def check(tx: Conn, schema_id: bytes, value: Any) -> Any:
    return scalar(tx, "select pgflow._check_value(%s, %s)", [schema_id, Jsonb(value)])


def disable_walker(tx: Conn) -> None:
    """Leave nothing for the walker to walk, so that only the predicate can accept a value."""
    tx.execute("update pgflow.schemas set program = '[false]'")


FITTING: list[Any] = [
    {"name": "Ada"},
    {"name": "Ada", "tags": [], "scores": {}},
    {"name": "Ada", "tags": ["a", "b"], "scores": {"x": 1, "y": 2.0}},
    {"name": "Adaäö", "next": {"name": "Bob", "next": {"name": "Eve"}}},
]


@pytest.mark.parametrize("value", FITTING, ids=str)
def test_value_that_fits_is_accepted_without_the_walker(tx: Conn, value: Any) -> None:
    schema_id = put(tx, NAMES)
    disable_walker(tx)
    assert check(tx, schema_id, value) is None


MISFITS: list[tuple[Any, str, str]] = [
    ({"name": "A"}, "/name", "minLength"),
    ({"name": "Augusta"}, "/name", "maxLength"),
    ({"name": "Ada", "tags": ["a", "a"]}, "/tags", "uniqueItems"),
    ({"name": "Ada", "tags": ["a", 1]}, "/tags/1", "type"),
    ({"name": "Ada", "scores": {"x": 1.5}}, "/scores/x", "type"),
    ({"name": "Ada", "scores": {"x": 1, "y": 2, "z": 3}}, "/scores", "maxProperties"),
    ({"name": "Ada", "next": {"name": "Bob", "next": {}}}, "/next/next", "required"),
    ({"name": "Ada", "age": 1}, "/age", "additionalProperties"),
    ([], "", "type"),
    (None, "", "type"),
]


@pytest.mark.parametrize(("value", "at", "keyword"), MISFITS, ids=str)
def test_misfit_is_told_by_the_walker(tx: Conn, value: Any, at: str, keyword: str) -> None:
    [error] = check(tx, put(tx, NAMES), value)
    assert (error["at"], error["keyword"]) == (at, keyword)


def test_value_deeper_than_the_predicate_goes_is_left_to_the_walker(tx: Conn) -> None:
    value: dict[str, Any] = {"name": "end"}
    for _ in range(30):
        value = {"name": "Ada", "next": value}
    schema_id = put(tx, NAMES)
    assert check(tx, schema_id, value) is None
    disable_walker(tx)
    assert check(tx, schema_id, value) is not None


BARE_TYPES: list[tuple[Any, list[Any], list[Any]]] = [
    # what the official suite does not see: two keywords of which one alone would accept too much
    ({"type": "integer", "enum": [1, 2]}, [1, 2.0], [3, 1.5, "1", True]),
    ({"type": "string", "enum": ["a", 1]}, ["a"], [1, "b", None]),
    ({"enum": ["ab", "abcd"], "maxLength": 3}, ["ab"], ["abcd"]),
    (
        {"enum": [*(f"k{n}" for n in range(50)), *range(50), "é", True, None, "", 2.5]},
        ["k0", "k49", 0, 49.0, 2.5, "é", True, None, ""],
        ["k", "k50", "k4 ", -1, 50, 0.5, "ë", False, [], {}],
    ),
    ({"const": None}, [None], [False, 0, "", []]),
    ({"minLength": 1}, ["a", 1, None, []], [""]),
    ({"type": ["string", "null"], "minLength": 1}, ["a", None], ["", 1]),
    ({"type": "object", "minProperties": 1}, [{"a": 1}], [{}, [], [1]]),
    ({"properties": {"a": False}}, [{}, [], "a"], [{"a": None}]),
    (
        {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
        [[], ["a"]],
        [["a", 1]],
    ),
    ({"items": {"items": {"type": "null"}}}, [[[None]], [1]], [[[None], [1]]]),
    ({"not": {"type": "object", "required": ["a"]}}, [{}, 1], [{"a": 1}]),
    ({"oneOf": [{"minimum": 1}, {"maximum": 2}]}, [0, 3], [1, 2, "a"]),
    ({"multipleOf": 0.1}, [0.3, 1, "a"], [0.25]),
    ({"type": "number", "minimum": -1.5}, [-1.5, 0], [-2, "a", None]),
    ({"patternProperties": {"^a": {"type": "null"}}}, [{"a": None, "b": 1}], [{"ab": 1}]),
    ({"propertyNames": {"enum": ['q"\\', "é"]}}, [{'q"\\': 1}, {"é": 1}], [{"q": 1}]),
    ({"required": ['q"\\']}, [{'q"\\': 1}, 1], [{"q": 1}]),
    ({"dependentRequired": {"a": ["b"]}}, [{}, {"b": 1}, {"a": 1, "b": 1}, []], [{"a": 1}]),
    ({"if": {"type": "string"}, "then": {"const": "a"}, "else": {"const": 1}}, ["a", 1], ["b", 2]),
]


@pytest.mark.parametrize(("schema", "fitting", "others"), BARE_TYPES, ids=str)
def test_predicate_accepts_all_that_fits_and_nothing_else(
    tx: Conn, schema: Any, fitting: list[Any], others: list[Any]
) -> None:
    schema_id = put(tx, schema)
    assert [value for value in others if check(tx, schema_id, value) is None] == []
    disable_walker(tx)
    assert [value for value in fitting if check(tx, schema_id, value) is not None] == []
    assert [value for value in others if check(tx, schema_id, value) is None] == []


PATTERNS: list[tuple[str, list[str], list[str]]] = [
    (r"^\d+$", ["12"], ["", "a", "1\n", "\u0663"]),
    (r"^\w$", ["a", "_"], ["é", "-"]),
    (r"^\s$", [" ", "\u00a0", "\ufeff"], ["a", ""]),
    (r"^\S$", ["a"], [" ", "\u2003"]),
    (r"^.$", ["a", "é", "\U0001f600"], ["\n", "\u2028", "ab"]),
    (r"a.b", ["a.b", "axb"], ["a\nb"]),
    (r"^[[a]$", ["[", "a"], [":"]),
    (r"^[^\d]$", ["a"], ["1"]),
    (r"^\u00e9\x41\cA$", ["éA\x01"], ["eA"]),
    (r"^\ud83d\ude00$", ["\U0001f600"], ["x"]),
    (r"\bcat\b", ["a cat", "cat"], ["cats"]),
    (r"^{a}$", ["{a}"], ["a"]),
    (r"^a{2}$", ["aa"], ["a", "a{2}"]),
    (r"^(?<year>\d{4})$", ["1815"], ["15"]),
    (r"^(?P<year>\d{4})$", ["1815"], ["15"]),
    (r"^(?:a|b)(?!c)", ["ab", "bd"], ["ac"]),
    (r"^\p{L}+$", ["abc"], ["a1"]),
    ('^"\\\\$', ['"\\'], ['"']),
]


@pytest.mark.parametrize(("pattern", "fitting", "others"), PATTERNS, ids=ascii)
def test_patterns_mean_what_ecma_262_says_in_predicate_and_walker(
    tx: Conn, pattern: str, fitting: list[str], others: list[str]
) -> None:
    schema_id = put(tx, {"type": "string", "pattern": pattern})
    assert [text for text in others if check(tx, schema_id, text) is None] == []
    disable_walker(tx)
    assert [text for text in fitting if check(tx, schema_id, text) is not None] == []
    tx.execute("update pgflow.schemas set program = pgflow._link_schema(schema), predicate = null")
    assert [text for text in fitting if check(tx, schema_id, text) is not None] == []


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        (r"\Aa", "write ^"),
        (r"a\Z", "write $"),
        (r"(?i)a", "write both cases, [Aa]"),
        (r"(a)\1", "back references"),
        (r"(?P=year)", "back references"),
        (r"\p{Greek}", "only L, Lu, Ll and Nd"),
        (r"a{1,300}", "at most 255 repetitions"),
        (r"(a{0,100}){0,100}", "exceed 1000 characters"),
        (r"\q", "no such escape"),
        (r"[]", "an empty set matches nothing"),
        (r"[a", "not closed"),
        (r"***:a", "begins with *"),
        ("a" * 1001, "at most 1000"),
    ],
)
def test_pattern_that_is_not_taken_has_advice(tx: Conn, pattern: str, advice: str) -> None:
    assert advice in scalar(tx, "select refusal from pgflow._regex_to_are(%s)", [pattern])


def test_sql_null_is_the_json_null(tx: Conn) -> None:
    query = "select pgflow._check_value(%s, null)"
    assert scalar(tx, query, [put(tx, {"type": "null"})]) is None
    assert scalar(tx, query, [put(tx, {"type": "string"})])[0]["keyword"] == "type"


def test_unknown_schema_accepts_nothing(tx: Conn) -> None:
    with pytest.raises(psycopg.errors.NoDataFound), tx.transaction():
        check(tx, b"\0" * 32, 1)


def test_deadline_is_an_error_of_its_own(tx: Conn) -> None:
    schema_id = put(tx, {"type": "array", "items": {"not": {"maxLength": 3}}})
    tx.execute("set local pgflow.validation_deadline_ms = 0")
    assert check(tx, schema_id, ["long enough"]) == [
        {"at": "", "keyword": "limit", "message": "validating took longer than 0 ms"}
    ]


def test_caller_inherits_nothing_of_what_validation_sets(tx: Conn) -> None:
    settings = "select current_setting('jit') || current_setting('search_path')"
    before = scalar(tx, settings)
    check(tx, put(tx, NAMES), {})
    assert scalar(tx, settings) == before


@pytest.mark.parametrize("letter", ["a", "ä", "😀"])
@pytest.mark.parametrize(
    "schema",
    [
        {"a_long_name": {"type": "string", "maxLength": 10}},
        {"a_long_name": {"type": "string", "minLength": 1, "maxLength": 10}},
        {"a_long_name": {"type": "string", "minLength": 3, "maxLength": 10}},
    ],
    ids=["at most", "one at least", "three at least"],
)
def test_length_is_counted_where_the_size_of_the_value_does_not_tell(
    tx: Conn, schema: dict[str, Any], letter: str
) -> None:
    required = ["a_long_name", "another_long_name"]
    schema_id = put(tx, {"type": "object", "properties": schema, "required": required})
    least = schema["a_long_name"].get("minLength", 0)
    for length in range(60):
        value = {"a_long_name": letter * length, "another_long_name": 1}
        fits = check(tx, schema_id, value) is None
        assert fits == (least <= length <= 10), length


@pytest.mark.parametrize("required", [[], ["a"], ["a", "b", "c"]], ids=str)
def test_properties_are_counted_where_the_size_of_the_value_does_not_tell(
    tx: Conn, required: list[str]
) -> None:
    schema_id = put(tx, {"type": "object", "required": required, "maxProperties": 2})
    for count in range(len(required), 8):
        fits = check(tx, schema_id, dict.fromkeys("abcdefgh"[:count])) is None
        assert fits == (count <= 2), count
