"""deploy: every schema is checked, compiled and stored once; a refused one leaves no trace."""

from typing import Any

import psycopg
import pytest
from tests.support.builders import a_flow, a_step, deploy, object_schema, scalar
from tests.support.refusals import refused

from pgflow_manifest import FlowSpec, JsonSchema

Conn = psycopg.Connection[Any]
SCHEMAS = "select count(*) from pgflow.schemas"


def with_same_digests(flow: FlowSpec, result_schema: JsonSchema) -> FlowSpec:
    """Return *flow* with another result schema of its first step, its digests left as they were."""
    first, *others = flow.steps
    changed = first.model_copy(update={"result_schema": result_schema})
    return flow.model_copy(update={"steps": (changed, *others)})


def test_equal_schemas_are_stored_once(tx: Conn) -> None:
    text: JsonSchema = {"type": "string", "minLength": 3}
    before = scalar(tx, SCHEMAS)
    deploy(
        tx,
        a_flow("one", a_step("a", result_schema=text), a_step("b", result_schema=text)),
        a_flow("two", a_step("c", result_schema=text), payload_schema=text),
    )
    assert scalar(tx, SCHEMAS) == before + 2  # the text, and the payload of `one`


@pytest.mark.parametrize(
    ("schema", "at", "says"),
    [
        ({"type": "strin"}, "/type", "strin"),
        ({"properties": {"a": {"minLength": -1}}}, "/properties/a/minLength", "-1"),
        ({"$ref": "#/$defs/gone"}, "/$ref", "gone"),
        ({"type": "string", "pattern": "(?i)a"}, "/pattern", "(?i)"),
        ({"dependencies": {}}, "/dependencies", "dependentRequired"),
    ],
)
def test_wrong_schema_is_refused_with_its_json_pointer(
    tx: Conn, schema: JsonSchema, at: str, says: str
) -> None:
    with refused(tx, "PF211") as refusal:
        deploy(tx, a_flow("f", a_step("a"), a_step("b", result_schema=schema)))
    error = refusal.details["errors"][0]
    assert error["at"] == f"/flows/0/steps/1/result_schema{at}"
    assert says in error["message"]
    assert "the result schema of step 'b' of flow 'f'" in refusal.message
    assert scalar(tx, "select count(*) from pgflow.flows") == 0


def test_wrong_payload_schema_is_refused(tx: Conn) -> None:
    with refused(tx, "PF211") as refusal:
        deploy(tx, a_flow("f", a_step("a"), payload_schema={"required": "owner_id"}))
    assert refusal.details["errors"][0]["at"] == "/flows/0/payload_schema/required"
    assert "the payload schema of flow 'f'" in refusal.message


def test_description_may_change_under_one_digest(tx: Conn) -> None:
    flow = a_flow("f", a_step("a", result_schema=object_schema("x")))
    deploy(tx, flow)
    described = {**object_schema("x"), "description": "what comes of it", "title": "A"}
    assert deploy(tx, with_same_digests(flow, described)) == [("f", 1, "options_changed")]
    assert scalar(tx, "select result_schema ->> 'title' from pgflow.steps") == "A"


def test_other_schema_under_one_digest_is_refused(tx: Conn) -> None:
    flow = a_flow("f", a_step("a", result_schema=object_schema("x")))
    deploy(tx, flow)
    with refused(tx, "PF304") as refusal:
        deploy(tx, with_same_digests(flow, object_schema("x", "y")))
    assert "the result of step 'a'" in refusal.message
    assert scalar(tx, "select result_schema from pgflow.steps") == object_schema("x")


def test_deploying_does_no_ddl(conn: Conn) -> None:
    deploy(conn, a_flow("f", a_step("a")))
    objects = "select count(*) from pg_class" + " union all select count(*) from pg_proc"
    before = conn.execute(objects.encode()).fetchall()
    deploy(conn, a_flow("g", a_step("a", result_schema=object_schema("x"))))
    assert conn.execute(objects.encode()).fetchall() == before
