"""What a condition says of payload and results, and what is told of one that does not hold."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import a_flow, a_step, claim, complete, deploy, scalar, start_run
from tests.support.ruled import Document, holds, is_true, of_payload, of_result

Conn = psycopg.Connection[Any]

PAYLOAD = {
    "kind": "audio",
    "size": 10,
    "tags": ["a", [1, 2], {"k": 1, "l": 2}],
    "ready": True,
    "name": "Zoë",
    "none": None,
    "nested": {"list": [{"n": 1.0}]},
}

KIND, SIZE, TAGS = of_payload("kind"), of_payload("size"), of_payload("tags")
NOTHING = of_payload("no", "such", "key")


def both(op: str, left: Document, right: Document) -> Document:
    return {"op": op, "left": left, "right": right}


def length(operand: Document) -> Document:
    return {"length": operand}


def or_else(operand: Document, value: Any) -> Document:
    return {"or_else": [operand, value]}


def value(constant: Any) -> Document:
    return {"value": constant}


TRUE: list[Document] = [
    holds("==", KIND, "audio"),
    holds("==", SIZE, 10.0),
    holds("==", SIZE, 10.00),
    holds("==", TAGS, ["a", [1.0, 2], {"l": 2, "k": 1}]),
    holds("==", of_payload("nested", "list", 0, "n"), 1),
    holds("==", of_payload("nested", "list", -1, "n"), 1),
    holds("==", NOTHING, None),
    holds("==", of_payload("none"), None),
    holds("!=", KIND, "video"),
    holds("!=", SIZE, "10"),
    holds("!=", of_payload("ready"), 1),
    holds("!=", NOTHING, False),
    holds("<", SIZE, 10.5),
    holds("<=", SIZE, 10),
    holds(">", SIZE, -1e300),
    holds(">=", SIZE, 10),
    holds("<", of_payload("name"), "zoë"),
    holds(">", of_payload("name"), "Zoe"),
    holds("<", value("Z"), "a"),
    holds("<", value("\uffff"), "\U00010000"),
    holds("<", value(""), "a"),
    {"op": "in", "left": SIZE, "values": ["x", 10.0]},
    {"op": "in", "left": NOTHING, "values": [None]},
    holds("contains", TAGS, "a"),
    holds("contains", TAGS, [1, 2]),
    holds("contains", TAGS, {"l": 2, "k": 1}),
    holds("contains", KIND, "udi"),
    holds("contains", KIND, ""),
    both("contains", TAGS, value("a")),
    {"op": "is_null", "of": NOTHING},
    {"op": "is_null", "of": of_payload("none")},
    {"op": "is_null", "of": of_payload("kind", "deeper")},
    is_true(of_payload("ready")),
    holds("==", length(TAGS), 3),
    holds("==", length(of_payload("name")), 3),
    holds("==", length(value("\U0001f600")), 1),
    holds("==", length(of_payload()), 7),
    holds("==", length(value({})), 0),
    {"op": "is_null", "of": length(SIZE)},
    {"op": "is_null", "of": length(NOTHING)},
    holds("==", or_else(NOTHING, 3), 3),
    holds("==", or_else(SIZE, 3), 10),
    holds("==", or_else(length(NOTHING), 0), 0),
    both("==", SIZE, length(value("0123456789"))),
    {"op": "and", "of": [holds("==", KIND, "audio"), holds(">", SIZE, 9)]},
    {"op": "or", "of": [holds("==", KIND, "video"), holds(">", SIZE, 9)]},
    {"op": "not", "of": {"op": "or", "of": [is_true(KIND), is_true(SIZE)]}},
    {"op": "==", "left": value([1, {"a": 1.0}]), "right": value([1.0, {"a": 1}])},
]

FALSE: list[Document] = [
    holds("==", KIND, "Audio"),
    holds("==", SIZE, "10"),
    holds("==", of_payload("ready"), 1),
    holds("==", of_payload("ready"), "true"),
    holds("<", KIND, 1),
    holds(">", KIND, 1),
    holds("<", SIZE, "99"),
    holds("<", NOTHING, 1),
    holds(">=", NOTHING, None),
    holds("<=", of_payload("ready"), True),
    holds(">", TAGS, []),
    holds("contains", TAGS, 1),
    holds("contains", TAGS, {"k": 1}),
    holds("contains", TAGS, [1]),
    holds("contains", KIND, 1),
    holds("contains", SIZE, 1),
    holds("contains", NOTHING, None),
    holds("contains", of_payload("nested"), "list"),
    {"op": "in", "left": KIND, "values": []},
    {"op": "in", "left": NOTHING, "values": [False, 0, ""]},
    {"op": "is_null", "of": of_payload("ready")},
    {"op": "is_null", "of": value(0)},
    is_true(KIND),
    is_true(value("true")),
    is_true(value(1)),
    is_true(NOTHING),
    {"op": "and", "of": [holds("==", KIND, "audio"), holds(">", SIZE, 10)]},
    {"op": "or", "of": [is_true(SIZE)]},
    {"op": "not", "of": holds("==", KIND, "audio")},
]


@pytest.fixture
def run_id(tx: Conn) -> Any:
    """A run with a payload of every kind."""
    deploy(tx, a_flow("f", a_step("a"), a_step("b")))
    return start_run(tx, "f", PAYLOAD)


def verdict(conn: Conn, condition: Document, run_id: Any) -> bool:
    answer: bool = scalar(
        conn, "select pgflow._condition_holds(%s, %s)", [Jsonb(condition), run_id]
    )
    return answer


def unmet(conn: Conn, condition: Document, run_id: Any) -> list[tuple[str, str]]:
    return conn.execute(
        "select at, told from pgflow._unmet_parts(%s, %s)", [Jsonb(condition), run_id]
    ).fetchall()


@pytest.mark.parametrize("condition", TRUE, ids=str)
def test_condition_that_holds(tx: Conn, run_id: Any, condition: Document) -> None:
    assert verdict(tx, condition, run_id) is True
    assert verdict(tx, {"op": "not", "of": condition}, run_id) is False
    assert unmet(tx, condition, run_id) == []


@pytest.mark.parametrize("condition", FALSE, ids=str)
def test_condition_that_does_not_hold(tx: Conn, run_id: Any, condition: Document) -> None:
    assert verdict(tx, condition, run_id) is False
    assert verdict(tx, {"op": "not", "of": condition}, run_id) is True
    assert unmet(tx, condition, run_id) != []


def test_result_that_is_not_there_is_null(tx: Conn, run_id: Any) -> None:
    assert verdict(tx, {"op": "is_null", "of": of_result("a", "score")}, run_id)
    assert not verdict(tx, holds(">", of_result("a", "score"), 0), run_id)


def test_result_is_read_by_its_path(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"))
    deploy(tx, flow)
    run_id = start_run(tx, "f", {})
    worker_id = scalar(
        tx,
        "select w from (select gen_random_uuid() as w) as n, lateral pgflow.register_worker("
        "n.w, 'w', array['f'], array['a'], array[%s])",
        [flow.steps[0].digest],
    )
    complete(tx, claim(tx, worker_id), [{"scores": [0.5, 0.9]}])
    assert verdict(tx, holds(">", of_result("a", "scores", 1), 0.8), run_id)
    assert unmet(tx, holds(">", of_result("a", "scores", 0), 0.8), run_id) == [
        ("", "a.result.scores[0] > 0.8 is false: a.result.scores[0] is 0.5")
    ]


def test_only_the_parts_that_matter_are_told(tx: Conn, run_id: Any) -> None:
    condition = {
        "op": "and",
        "of": [
            holds("==", KIND, "audio"),
            {"op": "or", "of": [holds(">", SIZE, 99), {"op": "in", "left": KIND, "values": ["x"]}]},
            {"op": "not", "of": {"op": "and", "of": [is_true(of_payload("ready"))]}},
            both("<", length(TAGS), or_else(NOTHING, 1)),
        ],
    }
    assert unmet(tx, condition, run_id) == [
        ("/of/1/of/0", "flow.payload.size > 99 is false: flow.payload.size is 10"),
        ("/of/1/of/1", 'flow.payload.kind in ["x"] is false: flow.payload.kind is "audio"'),
        ("/of/2/of/of/0", "is_true(flow.payload.ready) is true: flow.payload.ready is true"),
        (
            "/of/3",
            (
                "length(flow.payload.tags) < or_else(flow.payload.no.such.key, 1) is false: "
                "length(flow.payload.tags) is 3 and or_else(flow.payload.no.such.key, 1) is 1"
            ),
        ),
    ]


def test_large_values_are_told_by_their_kind(tx: Conn, run_id: Any) -> None:
    [(_, told)] = unmet(tx, holds("==", TAGS, "x" * 1000), run_id)
    assert told.endswith(": flow.payload.tags is an array")
    assert len(told) < 200


def test_keys_that_are_no_names_are_shown_as_text(tx: Conn, run_id: Any) -> None:
    [(_, told)] = unmet(tx, is_true(of_payload("a b", "c")), run_id)
    assert told.startswith('is_true(flow.payload["a b"].c) is false')
