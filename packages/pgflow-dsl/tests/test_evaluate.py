"""What conditions mean over JSON: the oracle of the engine is itself held to examples."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pgflow_dsl.evaluate import holds, is_equal, part_at, unmet_parts
from pgflow_manifest import Condition, PayloadInput, ResultInput

PAYLOAD: Mapping[str, Any] = {
    "text": "audio",
    "umlaut": "Ä",
    "number": 5,
    "whole": 5.0,
    "yes": True,
    "null": None,
    "list": [1, "a", [2], {"k": 1.0}],
    "object": {"a": 1, "b": 2},
    "large": 100000000000000000000000,
    "rounded": 1e23,
}
CONDITION: TypeAdapter[Condition] = TypeAdapter(Condition)


def look_up(place: PayloadInput | ResultInput) -> Any:
    return part_at(PAYLOAD if isinstance(place, PayloadInput) else None, place.path)


def condition(data: Mapping[str, Any]) -> Condition:
    return CONDITION.validate_python(data)


def part(*path: str | int) -> dict[str, Any]:
    return {"source": "payload", "path": list(path)}


def compare(op: str, left: Any, right: Any) -> dict[str, Any]:
    sides = [side if isinstance(side, dict) else {"value": side} for side in (left, right)]
    return {"op": op, "left": sides[0], "right": sides[1]}


HOLDS = [
    compare("==", part("number"), 5),
    compare("==", part("number"), part("whole")),
    compare("!=", part("yes"), 1),
    compare("!=", part("null"), False),
    compare("==", part("missing"), None),
    compare("==", part("missing", "deeper"), part("null")),
    compare("==", part("list", 3), {"value": {"k": 1}}),
    compare("==", part("large"), part("rounded")),
    compare("<", part("number"), 5.5),
    compare(">=", part("number"), 5),
    compare("<", part("text"), "b"),
    compare(">", part("umlaut"), "Z"),
    {"op": "in", "left": part("number"), "values": ["5", 5.0]},
    {"op": "in", "left": part("null"), "values": [None]},
    compare("contains", part("list"), {"value": [2]}),
    compare("contains", part("list"), {"value": {"k": 1}}),
    compare("contains", part("text"), "udi"),
    compare("contains", part("text"), ""),
    {"op": "is_null", "of": part("null")},
    {"op": "is_null", "of": {"source": "result", "step": "skipped", "path": ["a"]}},
    {"op": "is_null", "of": {"length": part("number")}},
    {"op": "is_true", "of": part("yes")},
    compare("==", {"length": part("list")}, 4),
    compare("==", {"length": part("umlaut")}, 1),
    compare("==", {"length": part("object")}, 2),
    compare("==", {"or_else": [part("null"), 7]}, 7),
    compare("==", {"or_else": [part("number"), 7]}, 5),
    compare("==", {"length": {"or_else": [part("missing"), "abc"]}}, 3),
]
DOES_NOT = [
    compare("==", part("number"), "5"),
    compare("==", part("yes"), 1),
    compare("<", part("number"), "6"),
    compare(">", part("yes"), 0),
    compare("<=", part("null"), None),
    compare(">=", part("list"), part("list")),
    compare("<", part("missing"), 1),
    compare("contains", part("list"), 2),
    compare("contains", part("text"), 1),
    compare("contains", part("object"), "a"),
    compare("contains", part("null"), None),
    {"op": "is_null", "of": part("yes")},
    {"op": "is_true", "of": part("number")},
    {"op": "is_true", "of": part("text")},
    {"op": "in", "left": part("yes"), "values": [1]},
]


@pytest.mark.parametrize("data", HOLDS)
def test_a_condition_holds(data: Any) -> None:
    assert holds(condition(data), look_up)
    assert not holds(condition({"op": "not", "of": data}), look_up)
    assert unmet_parts(condition(data), look_up) == []


@pytest.mark.parametrize("data", DOES_NOT)
def test_a_condition_does_not_hold(data: Any) -> None:
    assert not holds(condition(data), look_up)
    assert holds(condition({"op": "not", "of": data}), look_up)
    assert [at for at, _ in unmet_parts(condition(data), look_up)] == [""]


def test_junctions_are_two_valued() -> None:
    both = [HOLDS[0], DOES_NOT[0]]
    assert holds(condition({"op": "or", "of": both}), look_up)
    assert not holds(condition({"op": "and", "of": both}), look_up)


def test_what_is_unmet_is_told_with_place_and_values() -> None:
    whole = condition(
        {
            "op": "and",
            "of": [
                compare(">", part("number"), 8),
                {"op": "is_true", "of": part("yes")},
                {"op": "not", "of": compare("==", part("text"), "audio")},
                compare("<", {"length": part("list")}, part("list", 0)),
            ],
        }
    )
    assert unmet_parts(whole, look_up) == [
        ("/of/0", "flow.payload.number > 8 is false: flow.payload.number is 5"),
        ("/of/2/of", 'flow.payload.text == "audio" is true: flow.payload.text is "audio"'),
        (
            "/of/3",
            (
                "length(flow.payload.list) < flow.payload.list[0] is false: "
                "length(flow.payload.list) is 4 and flow.payload.list[0] is 1"
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("list", 0), 1),
        (("list", -1), {"k": 1.0}),
        (("list", "1"), "a"),
        (("list", 4), None),
        (("list", "x"), None),
        (("object", "a"), 1),
        (("object", "c"), None),
        (("text", 0), None),
        (("null", "a"), None),
    ],
)
def test_a_part_is_found_as_postgres_finds_it(path: tuple[str | int, ...], expected: Any) -> None:
    assert part_at(PAYLOAD, path) == expected


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@given(JSON, JSON)
def test_equality_is_reflexive_and_symmetric(left: Any, right: Any) -> None:
    assert is_equal(left, left)
    assert is_equal(left, right) == is_equal(right, left)


@given(JSON, JSON)
def test_two_values_are_in_one_order_or_in_none(left: Any, right: Any) -> None:
    wrapped = [{"value": left}, {"value": right}]
    found = {
        op: holds(condition({"op": op, "left": wrapped[0], "right": wrapped[1]}), look_up)
        for op in ("<", "<=", ">", ">=", "==")
    }
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    texts = isinstance(left, str) and isinstance(right, str)
    assert found["<"] + found[">"] + found["=="] == 1 if numbers or texts else not found["<"]
    assert found["<="] == ((numbers or texts) and (found["<"] or found["=="]))
    assert found[">="] == ((numbers or texts) and (found[">"] or found["=="]))
