"""deploy: every fault of a condition, a policy or a failure handler has its code and its place."""

from copy import deepcopy
from typing import Any

import psycopg
import pytest
from tests.support.builders import STRING, a_flow, a_map, a_step, scalar
from tests.support.refusals import refused
from tests.support.ruled import (
    HANDLER_INPUTS,
    Document,
    a_ruled_flow,
    deploy_ruled,
    holds,
    is_true,
    of_payload,
    of_result,
)

from pgflow_manifest import PayloadInput, ResultInput

Conn = psycopg.Connection[Any]
B = "/flows/0/steps/1"
HANDLER = "/flows/0/steps/3"
FINE = is_true(of_payload())


def a_document() -> Document:
    """Return a -> b, c, and a failure handler."""
    return a_ruled_flow(
        a_flow(
            "f",
            a_step("a"),
            a_step("b", "a", inputs={"x": ResultInput(step="a")}),
            a_step("c"),
        ),
        handler=HANDLER_INPUTS,
    )


def nested(depth: int) -> Document:
    condition = FINE
    for _ in range(depth):
        condition = {"op": "not", "of": condition}
    return condition


def long(depth: int) -> Document:
    operand = of_payload()
    for _ in range(depth):
        operand = {"length": operand}
    return is_true(operand)


CONDITIONS: list[tuple[str, str, Any]] = [
    ("PF206", "", "a.result"),
    ("PF206", "", []),
    ("PF206", "", True),
    ("PF206", "", {}),
    ("PF206", "", {"op": "xor", "of": [FINE]}),
    ("PF206", "", {"op": ["and"], "of": [FINE]}),
    ("PF206", "", {"op": "and"}),
    ("PF206", "", {"op": "and", "of": [FINE], "left": of_payload()}),
    ("PF206", "", {"op": "==", "left": of_payload()}),
    ("PF206", "/of", {"op": "and", "of": []}),
    ("PF206", "/of", {"op": "or", "of": FINE}),
    ("PF206", "/of/1", {"op": "or", "of": [FINE, "x"]}),
    ("PF206", "/of", {"op": "not", "of": [FINE]}),
    ("PF206", "/of/of/0/of", {"op": "not", "of": {"op": "and", "of": [is_true({"value2": 1})]}}),
    ("PF206", "/values", {"op": "in", "left": of_payload(), "values": "abc"}),
    ("PF206", "/left", holds("==", {"source": "each"}, 1)),
    ("PF206", "/left", holds("==", {"source": "error"}, 1)),
    ("PF206", "/left", holds("==", {"source": "payload", "path": "kind"}, 1)),
    ("PF206", "/left", holds("==", {"source": "payload", "path": [None]}, 1)),
    ("PF206", "/left", holds("==", {"source": "payload", "value": 1}, 1)),
    ("PF206", "/right", {"op": "<", "left": of_payload(), "right": 3}),
    ("PF206", "/of", is_true({"or_else": [of_payload()]})),
    ("PF206", "/of/or_else/0", is_true({"or_else": [1, 2]})),
    ("PF206", "/of/length", is_true({"length": "x"})),
    ("PF206", "/of" * 100, nested(100)),
    ("PF206", "/of" + "/length" * 100, long(100)),
    ("PF205", "/left/step", holds("==", of_result("c"), 1)),
    ("PF205", "/left/step", holds("==", of_result("b"), 1)),
    ("PF205", "/left/step", holds("==", of_result("nowhere"), 1)),
    ("PF205", "/of/length/or_else/0/step", is_true({"length": {"or_else": [of_result("c"), 1]}})),
]


@pytest.mark.parametrize(
    ("code", "at", "condition"), CONDITIONS, ids=[f"{n}-{c[0]}" for n, c in enumerate(CONDITIONS)]
)
def test_condition_is_refused_with_its_place(tx: Conn, code: str, at: str, condition: Any) -> None:
    document = a_document()
    document["steps"][1]["when"] = condition
    with refused(tx, code) as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == f"{B}/when{at}"
    assert "'f'" in refusal.message
    assert scalar(tx, "select count(*) from pgflow.flows") == 0


@pytest.mark.parametrize("condition", [FINE, nested(99), long(99), None], ids=["1", "2", "3", "4"])
def test_condition_that_is_one_is_stored_as_it_is(tx: Conn, condition: Any) -> None:
    document = a_document()
    document["steps"][1]["when"] = condition
    deploy_ruled(tx, document)
    stored = scalar(tx, "select condition from pgflow.steps where step_slug = 'b'")
    assert stored == condition


FAULTS: list[tuple[str, str, str, Any]] = [
    ("PF206", f"{B}/when_unmet", "when_unmet", "ignore"),
    ("PF206", f"{B}/when_unmet", "when_unmet", None),
    ("PF206", f"{B}/when_unmet", "when_unmet", "fail"),
    ("PF206", f"{B}/on_failure", "on_failure", "ignore"),
    ("PF206", f"{B}/on_failure", "on_failure", ["fail"]),
    ("PF203", f"{B}/options/backoff", "options", {"backoff": "linear"}),
    ("PF203", f"{B}/options/backoff", "options", {"backoff": 2}),
    ("PF203", f"{B}/options/start_delay_seconds", "options", {"start_delay_seconds": -1}),
    ("PF203", f"{B}/options/start_delay_seconds", "options", {"start_delay_seconds": "1"}),
]


@pytest.mark.parametrize(("code", "at", "key", "value"), FAULTS)
def test_policy_or_option_is_refused(tx: Conn, code: str, at: str, key: str, value: Any) -> None:
    document = a_document()
    document["steps"][1][key] = value
    with refused(tx, code) as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == at


def test_flow_has_no_delay_at_its_start(tx: Conn) -> None:
    document = a_document()
    document["options"]["start_delay_seconds"] = 1
    with refused(tx, "PF206") as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == "/flows/0/options/start_delay_seconds"


HANDLERS: list[tuple[str, str, dict[str, Any]]] = [
    ("PF206", f"{HANDLER}/deps", {"deps": ["a"]}),
    ("PF206", f"{HANDLER}/when", {"when": FINE}),
    ("PF206", f"{HANDLER}/when_unmet", {"when_unmet": "fail"}),
    ("PF206", f"{HANDLER}/on_failure", {"on_failure": "skip"}),
    ("PF206", f"{HANDLER}/over", {"over": of_payload()}),
    ("PF206", f"{HANDLER}/inputs/x", {"inputs": {"x": {"source": "each"}}}),
    ("PF205", f"{HANDLER}/inputs/x/step", {"inputs": {"x": of_result("nowhere")}}),
    ("PF205", f"{HANDLER}/inputs/x/step", {"inputs": {"x": of_result("on_failure")}}),
]


@pytest.mark.parametrize(("code", "at", "members"), HANDLERS, ids=[h[1] for h in HANDLERS])
def test_failure_handler_is_refused(tx: Conn, code: str, at: str, members: dict[str, Any]) -> None:
    document = a_document()
    document["steps"][-1].update(members)
    with refused(tx, code) as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == at


def test_second_handler_one_that_is_not_last_and_one_alone_are_refused(tx: Conn) -> None:
    twice, early, alone = a_document(), a_document(), a_document()
    twice["steps"].append({**deepcopy(twice["steps"][-1]), "slug": "another"})
    early["steps"].insert(0, early["steps"].pop())
    alone["steps"] = alone["steps"][-1:]
    for document, at in ((twice, HANDLER), (early, "/flows/0/steps/0"), (alone, "/flows/0/steps")):
        with refused(tx, "PF206") as refusal:
            deploy_ruled(tx, document)
        assert refusal.details["at"] == at


def test_no_step_waits_for_the_handler(tx: Conn) -> None:
    document = a_document()
    document["steps"][1]["deps"] = ["a", "on_failure"]
    with refused(tx, "PF206") as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == f"{B}/deps"


def test_only_the_failure_handler_takes_the_error(tx: Conn) -> None:
    document = a_document()
    document["steps"][1]["inputs"]["x"] = {"source": "error"}
    with refused(tx, "PF206") as refusal:
        deploy_ruled(tx, document)
    assert refusal.details["at"] == f"{B}/inputs/x"


@pytest.mark.parametrize(
    ("key", "value"),
    [("when", FINE), ("when_unmet", "fail"), ("on_failure", "skip")],
)
def test_same_digest_with_another_rule_is_refused(tx: Conn, key: str, value: Any) -> None:
    document = a_document()
    document["steps"][1]["when"] = is_true({"value": True})
    deploy_ruled(tx, document)
    document["steps"][1][key] = value
    with refused(tx, "PF304"):
        deploy_ruled(tx, document)


def test_defaults_that_are_written_out_are_the_same_flow(tx: Conn) -> None:
    document = a_document()
    deploy_ruled(tx, document)
    document["steps"][1] |= {"when": None, "when_unmet": "skip", "on_failure": "fail"}
    assert deploy_ruled(tx, document) == [("f", 1, "unchanged")]


@pytest.mark.parametrize(
    ("items", "is_fine"),
    [(STRING, False), ({"anyOf": [STRING, {"type": "null"}]}, True), ({}, True)],
)
def test_list_with_skipped_items_must_allow_null(tx: Conn, items: Any, is_fine: bool) -> None:
    flow = a_flow("f", a_map("m", PayloadInput(), item_schema=items))
    document = a_ruled_flow(flow, {"m": {"on_failure": "skip"}})
    if is_fine:
        assert deploy_ruled(tx, document) == [("f", 1, "created")]
    else:
        with refused(tx, "PF206") as refusal:
            deploy_ruled(tx, document)
        assert refusal.details["at"] == "/flows/0/steps/0/result_schema/items"
