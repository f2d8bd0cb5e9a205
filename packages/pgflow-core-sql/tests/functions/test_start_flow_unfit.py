"""start_flow and start_flows: a payload that does not fit starts nothing."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import a_flow, a_step, deploy, scalar, start_run
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions, JsonSchema

Conn = psycopg.Connection[Any]
ORDER: JsonSchema = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["number"],
    "additionalProperties": False,
}
RUNS = "select count(*) from pgflow.runs"


def deploy_orders(conn: Conn, **options: Any) -> None:
    """Deploy a flow that takes orders."""
    flow = a_flow("f", a_step("a"), payload_schema=ORDER, options=FlowOptions(**options))
    deploy(conn, flow)


@pytest.mark.parametrize(
    ("payload", "at", "keyword"),
    [
        ({}, "", "required"),
        ({"number": 0}, "/number", "minimum"),
        ({"number": "7"}, "/number", "type"),
        ({"number": 1, "items": ["a", 2]}, "/items/1", "type"),
        ({"number": 1, "more": 2}, "/more", "additionalProperties"),
        ([1], "", "type"),
        (None, "", "type"),
    ],
)
def test_payload_that_does_not_fit_is_refused_with_its_json_pointer(
    tx: Conn, payload: Any, at: str, keyword: str
) -> None:
    deploy_orders(tx)
    with refused(tx, "PF202") as refusal:
        start_run(tx, "f", payload)
    [error] = refusal.details["errors"]
    assert (error["at"], error["keyword"]) == (at, keyword)
    assert refusal.details["flow_slug"] == "f"
    assert f"the payload of flow 'f' does not fit: at {at or 'the top'}, " in refusal.message
    assert scalar(tx, RUNS) == 0


def test_payload_that_fits_starts_a_run(tx: Conn) -> None:
    deploy_orders(tx)
    start_run(tx, "f", {"number": 7, "items": ["mug"]})
    assert scalar(tx, RUNS) == 1


def test_one_payload_of_many_that_does_not_fit_starts_none(tx: Conn) -> None:
    deploy_orders(tx)
    payloads = [Jsonb({"number": n}) for n in (1, 2, 0, 4)]
    with refused(tx, "PF202") as refusal:
        tx.execute("select pgflow.start_flows('f', %s::jsonb[])", [payloads])
    assert refusal.details["ordinal"] == 3
    assert refusal.message.startswith("payload 3 of flow 'f' does not fit: at /number, ")
    assert scalar(tx, RUNS) == 0


@pytest.mark.parametrize("many", [False, True])
def test_payload_beyond_the_budget_is_refused(tx: Conn, many: bool) -> None:
    deploy_orders(tx, max_payload_bytes=1000)
    payload = Jsonb({"number": 1, "items": ["x" * 1000]})
    with refused(tx, "PF210") as refusal:
        if many:
            tx.execute(
                "select pgflow.start_flows('f', %s::jsonb[])", [[Jsonb({"number": 1}), payload]]
            )
        else:
            tx.execute("select pgflow.start_flow('f', %s)", [payload])
    assert refusal.details["max_payload_bytes"] == 1000
    assert refusal.details["bytes"] > 1000
    assert "its budget is 1000" in refusal.message
    assert scalar(tx, RUNS) == 0


def test_budget_cannot_be_cheated_by_compression(tx: Conn) -> None:
    deploy_orders(tx, max_payload_bytes=10_000)
    tx.execute("create temporary table stored (payload jsonb)")
    tx.execute("insert into stored values (%s)", [Jsonb({"number": 1, "items": ["x" * 100_000]})])
    with refused(tx, "PF210"):
        tx.execute("select pgflow.start_flow('f', payload) from stored")


def test_limit_of_time_is_no_start(tx: Conn) -> None:
    slow: JsonSchema = {"$ref": "#/$defs/n40", "$defs": {"n0": {"maximum": 5}}}
    for n in range(1, 41):
        again = {"$ref": f"#/$defs/n{n - 1}"}
        slow["$defs"][f"n{n}"] = {"allOf": [again, again]}
    deploy(tx, a_flow("f", a_step("a"), payload_schema=slow))
    tx.execute("set local pgflow.validation_deadline_ms = 20")
    with refused(tx, "PF212") as refusal:
        start_run(tx, "f", 3)
    assert refusal.details["errors"][0]["keyword"] == "limit"
    assert scalar(tx, RUNS) == 0


def test_new_version_with_another_payload_counts_from_its_deployment(tx: Conn) -> None:
    deploy_orders(tx)
    deploy(tx, a_flow("f", a_step("a"), payload_schema={"type": "string"}))
    start_run(tx, "f", "text")
    with refused(tx, "PF202"):
        start_run(tx, "f", {"number": 7})
