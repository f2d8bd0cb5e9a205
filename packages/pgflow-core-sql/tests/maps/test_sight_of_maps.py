"""get_run, list_runs and status tell how far a map is; deploy refuses one that is none."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_mapped_list,
    a_started_map,
    claim_in_order,
    column,
    complete,
    deploy,
    get_run,
    get_step,
    scalar,
    start_run,
)
from tests.support.refusals import refused

from pgflow_manifest import Manifest, dump_manifest

Conn = psycopg.Connection[Any]


def test_map_that_waits_for_its_list_has_no_tasks_yet(tx: Conn) -> None:
    deploy(tx, a_mapped_list())
    steps = get_run(tx, start_run(tx, "mapped", {}))["steps"]
    assert [(step["slug"], step["kind"], step["tasks"]) for step in steps] == [
        ("numbers", "single", None),
        ("double", "map", None),
        ("total", "single", None),
    ]


def test_tasks_are_told_by_state(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(10)))
    step = get_step(tx, run_id, "double")
    assert step["tasks"] == {"total": 10, "completed": 0, "skipped": 0, "running": 0, "waiting": 10}
    assert (step["running"], step["attempts"]) == (False, 0)
    tasks = claim_in_order(tx, worker_id, 4)
    complete(tx, tasks[:3], [1, 2, 3])
    step = get_step(tx, run_id, "double")
    assert step["tasks"] == {"total": 10, "completed": 3, "skipped": 0, "running": 1, "waiting": 6}
    assert (step["running"], step["attempts"], step["result"]) == (True, 1, None)
    complete(tx, [tasks[3], *claim_in_order(tx, worker_id)], range(7))
    step = get_step(tx, run_id, "double")
    assert step["tasks"] == {"total": 10, "completed": 10, "skipped": 0, "running": 0, "waiting": 0}
    assert (step["running"], step["error"], step["retry_at"]) == (False, None, None)


def test_document_has_each_step_once_however_many_tasks_it_has(tx: Conn) -> None:
    worker_id, run_id = a_started_map(tx, list(range(10)))
    claim_in_order(tx, worker_id, 4)
    assert [step["slug"] for step in get_run(tx, run_id)["steps"]] == ["numbers", "double", "total"]


def test_status_counts_tasks_and_names_a_run_once(tx: Conn) -> None:
    worker_id, _ = a_started_map(tx, list(range(10)))
    claim_in_order(tx, worker_id, 4)
    status = scalar(tx, "select pgflow.status()")
    [flow] = status["flows"]
    assert (flow["waiting"], flow["leased"]) == (6, 4)
    tx.execute("update pgflow.workers set status = 'stopped'")
    [unserved] = scalar(tx, "select pgflow.status()")["unserved"]
    assert (unserved["step_slug"], unserved["version"], unserved["runs"]) == ("double", 1, 1)


def test_list_runs_has_a_run_with_items_once(tx: Conn) -> None:
    _, run_id = a_started_map(tx, list(range(10)))
    assert column(tx, "select run_id from pgflow.list_runs()") == [run_id]


def changed(**change: Any) -> dict[str, Any]:
    """Return the manifest of `a_mapped_list` with its map changed."""
    manifest = Manifest(flows=(a_mapped_list(),)).model_dump(mode="json")
    step = manifest["flows"][0]["steps"][1]
    step.update(change)
    return manifest


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no list": ({"over": None}, "PF206", "/over"),
    "list of a step that is no dep": (
        {"over": {"source": "result", "step": "total"}},
        "PF205",
        "/over/step",
    ),
    "list of an item": ({"over": {"source": "each"}}, "PF206", "/over"),
    "no argument takes the item": (
        {"inputs": {"item": {"source": "payload"}}},
        "PF206",
        "/inputs",
    ),
    "result is no array": ({"result_schema": {"items": {}}}, "PF206", "/result_schema"),
    "items are no schema": (
        {"result_schema": {"type": "array", "items": True}},
        "PF206",
        "/result_schema",
    ),
    "list with a number of items": (
        {"result_schema": {"type": "array", "items": {}, "minItems": 2}},
        "PF206",
        "/result_schema/minItems",
    ),
    "single step over a list": ({"kind": "single"}, "PF206", "/over"),
    "single step with an item": ({"kind": "single", "over": None}, "PF206", "/inputs/item"),
    "unknown kind": ({"kind": "reduce"}, "PF206", "/kind"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_map_that_contradicts_itself_is_not_deployed(tx: Conn, what: str) -> None:
    change, code, at = REFUSED[what]
    with refused(tx, code) as refusal:
        tx.execute("select * from pgflow.deploy(%s)", [Jsonb(changed(**change))])
    assert refusal.details["at"] == f"/flows/0/steps/1{at}"


def test_item_with_a_wrong_schema_is_named_where_it_stands(tx: Conn) -> None:
    manifest = changed(result_schema={"type": "array", "items": {"type": "nothing"}})
    with refused(tx, "PF211") as refusal:
        tx.execute("select * from pgflow.deploy(%s)", [Jsonb(manifest)])
    assert "/flows/0/steps/1/result_schema/items/type" in refusal.message


def test_items_are_held_against_definitions_of_the_whole_list(tx: Conn) -> None:
    schema = {
        "type": "array",
        "items": {"$ref": "#/$defs/Word"},
        "$defs": {"Word": {"type": "object", "required": ["text"]}},
    }
    flow = a_mapped_list()
    steps = [step.model_copy(update={"result_schema": schema}) for step in flow.steps[1:2]]
    changed_flow = flow.model_copy(update={"steps": (flow.steps[0], *steps, flow.steps[2])})
    worker_id, run_id = a_started_map(tx, [1, 2], changed_flow)
    one, two = claim_in_order(tx, worker_id)
    assert complete(tx, [one], [{"text": "a"}]) == ["completed"]
    assert complete(tx, [two], [{"texts": "a"}]) == ["failed"]
    assert "text" in get_run(tx, run_id)["error"]["message"]


def test_deploying_a_map_again_changes_nothing(tx: Conn) -> None:
    assert [row[2] for row in deploy(tx, a_mapped_list())] == ["created"]
    assert [row[2] for row in deploy(tx, a_mapped_list())] == ["unchanged"]
    text = dump_manifest(Manifest(flows=(a_mapped_list(),))).decode()
    assert column(tx, "select outcome from pgflow.deploy(%s)", [text]) == ["unchanged"]


def test_same_digest_with_items_of_another_schema_is_refused(tx: Conn) -> None:
    deploy(tx, a_mapped_list())
    manifest = changed(result_schema={"type": "array", "items": {"type": "string"}})
    with refused(tx, "PF304") as refusal:
        tx.execute("select * from pgflow.deploy(%s)", [Jsonb(manifest)])
    assert "double" in refusal.message
