"""deploy: all flows of a manifest or none, from any language, as often as one likes."""

import json
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    STRING,
    a_diamond,
    a_flow,
    a_step,
    claim,
    column,
    complete,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.refusals import refused

from pgflow_manifest import FlowOptions, FlowSpec, StepOptions

Conn = psycopg.Connection[Any]
TABLES = ("flows", "flow_versions", "steps", "deps", "contracts", "step_inputs")

BY_HAND = {
    # Only the keys that a manifest must have: what another language would write by hand.
    "format_version": 1,
    "flows": [
        {
            "slug": "by_hand",
            "digest": "a" * 64,
            "payload_schema": {},
            "steps": [
                {"slug": "first", "digest": "b" * 64, "result_schema": {}},
                {
                    "slug": "second",
                    "digest": "c" * 64,
                    "result_schema": {},
                    "deps": ["first"],
                    "inputs": {"x": {"source": "result", "step": "first"}},
                },
            ],
        }
    ],
}


def stored(conn: Conn) -> dict[str, list[str]]:
    """Return every row of the definition tables, as text."""
    return {
        table: column(conn, f"select t::text from pgflow.{table} as t order by 1")
        for table in TABLES
    }


def changed(flow: FlowSpec, **update: Any) -> FlowSpec:
    return flow.model_copy(update=update)


def test_new_flow_is_created_as_version_one(tx: Conn) -> None:
    assert deploy(tx, a_diamond()) == [("voice_memo", 1, "created")]
    rows = tx.execute(
        "select step_slug, step_index, is_leaf from pgflow.steps order by step_index"
    ).fetchall()
    assert rows == [
        ("transcribe", 0, False),
        ("summarize", 1, False),
        ("capitalize", 2, False),
        ("merge", 3, True),
    ]
    deps = tx.execute("select from_step_slug, to_step_slug from pgflow.deps order by 1, 2")
    assert deps.fetchall() == [
        ("capitalize", "merge"),
        ("summarize", "merge"),
        ("transcribe", "capitalize"),
        ("transcribe", "summarize"),
    ]


def test_schemas_are_stored_where_the_design_says(tx: Conn) -> None:
    flow = a_diamond()
    deploy(tx, flow)
    schemas = dict(tx.execute("select step_slug, result_schema from pgflow.steps").fetchall())
    assert schemas == {step.slug: step.result_schema for step in flow.steps}
    assert scalar(tx, "select payload_schema from pgflow.flow_versions") == flow.payload_schema


def test_deploying_again_changes_nothing(tx: Conn) -> None:
    deploy(tx, a_diamond(), a_flow("other", a_step("a")))
    before = stored(tx)
    assert deploy(tx, a_diamond(), a_flow("other", a_step("a"))) == [
        ("other", 1, "unchanged"),
        ("voice_memo", 1, "unchanged"),
    ]
    assert stored(tx) == before


def test_flows_that_the_manifest_does_not_name_are_left_alone(tx: Conn) -> None:
    deploy(tx, a_diamond())
    deploy(tx, a_flow("other", a_step("a")))
    assert get_run(tx, start_run(tx))["status"] == "started"


def test_empty_manifest_is_accepted(tx: Conn) -> None:
    assert deploy(tx) == []


def test_changed_graph_is_a_new_version_and_new_runs_get_it(tx: Conn) -> None:
    old = a_flow("f", a_step("a"))
    new = a_flow("f", a_step("a"), a_step("b", "a"))
    deploy(tx, old)
    old_run = start_run(tx, "f")
    assert deploy(tx, new) == [("f", 2, "new_version")]
    new_run = start_run(tx, "f")
    assert [get_run(tx, run)["version"] for run in (old_run, new_run)] == [1, 2]
    worker_id = register_worker(tx, new)
    tasks = claim(tx, worker_id)
    complete(tx, tasks, ["x", "x"])
    assert get_run(tx, old_run)["status"] == "completed"
    assert get_run(tx, new_run)["status"] == "started"


def test_other_options_are_applied_in_place(tx: Conn) -> None:
    deploy(tx, a_diamond(options=FlowOptions(max_attempts=3)))
    worker_id = register_worker(tx, a_diamond())
    start_run(tx)
    outcome = deploy(tx, a_diamond(options=FlowOptions(max_attempts=9, timeout_seconds=5)))
    assert outcome == [("voice_memo", 1, "options_changed")]
    row = tx.execute(
        "select max_attempts, timeout_seconds from pgflow.claim_tasks(%s, 1)", [worker_id]
    ).fetchone()
    assert row == (9, 5)


@pytest.mark.parametrize(
    "update", [{"description": "what it does"}, {"client_startable": True}], ids=str
)
def test_what_only_describes_is_changed_in_place(tx: Conn, update: dict[str, Any]) -> None:
    deploy(tx, a_diamond())
    assert deploy(tx, changed(a_diamond(), **update)) == [("voice_memo", 1, "options_changed")]
    [(name, value)] = update.items()
    assert scalar(tx, f"select {name} from pgflow.flows") == value
    assert deploy(tx, changed(a_diamond(), **update)) == [("voice_memo", 1, "unchanged")]


def test_description_of_a_step_or_a_schema_is_changed_in_place(tx: Conn) -> None:
    flow = a_flow("f", a_step("a", result_schema=STRING))
    deploy(tx, flow)
    described = flow.steps[0].model_copy(
        update={"description": "new", "result_schema": {"type": "string", "title": "T"}}
    )
    outcome = deploy(tx, changed(flow, steps=(described,)))
    assert outcome == [("f", 1, "options_changed")]
    row = tx.execute("select description, result_schema from pgflow.steps").fetchone()
    assert row == ("new", {"type": "string", "title": "T"})


def test_older_digest_makes_the_older_version_current_again(tx: Conn) -> None:
    old, new = a_flow("f", a_step("a")), a_flow("f", a_step("b"))
    deploy(tx, old)
    deploy(tx, new)
    assert deploy(tx, old) == [("f", 1, "restored")]
    assert get_run(tx, start_run(tx, "f"))["version"] == 1
    assert deploy(tx, new) == [("f", 2, "restored")]
    assert deploy(tx, a_flow("f", a_step("c"))) == [("f", 3, "new_version")]


def test_step_that_did_not_change_keeps_its_contract(tx: Conn) -> None:
    deploy(tx, a_flow("f", a_step("a")))
    deploy(tx, a_flow("f", a_step("a"), a_step("b", "a")))
    contracts = column(tx, "select contract_id from pgflow.steps where step_slug = 'a'")
    assert len(contracts) == 2
    assert len(set(contracts)) == 1


def test_step_says_what_it_wants_differently_and_takes_the_rest_from_its_flow(tx: Conn) -> None:
    flow = a_flow(
        "f",
        a_step("a", options=StepOptions(max_attempts=7, timeout_seconds=1)),
        options=FlowOptions(max_attempts=2, base_delay_seconds=4, jitter=0.1, timeout_seconds=60),
    )
    deploy(tx, flow)
    row = tx.execute(
        "select max_attempts, base_delay_seconds, max_delay_seconds, jitter, timeout_seconds"
        " from pgflow.contracts"
    ).fetchone()
    assert row == (7, 4, 300, 0.1, 1)


def test_one_bad_flow_keeps_all_others_out(tx: Conn) -> None:
    deploy(tx, a_flow("a_first", a_step("a")))
    before = stored(tx)
    good = a_flow("a_first", a_step("changed"))
    bad = a_flow("z_last", a_step("a", "nowhere"))
    with refused(tx, "PF205"):
        deploy(tx, good, bad)
    assert stored(tx) == before


def test_manifest_written_by_hand_with_only_the_required_keys_works(tx: Conn) -> None:
    text = json.dumps(BY_HAND)
    row = tx.execute(f"select * from pgflow.deploy('{text}')".encode()).fetchone()
    assert row == ("by_hand", 1, "created")
    defaults = tx.execute(
        "select distinct max_attempts, base_delay_seconds, max_delay_seconds, jitter,"
        " timeout_seconds from pgflow.contracts"
    ).fetchall()
    assert defaults == [(3, 1, 300, 0.5, None)]
    worker_id = scalar(tx, "select gen_random_uuid()")
    tx.execute(
        "select pgflow.register_worker(%s, 'psql', array['by_hand', 'by_hand'],"
        " array['first', 'second'], array[repeat('b', 64), repeat('c', 64)])",
        [worker_id],
    )
    run_id = scalar(tx, "select pgflow.start_flow('by_hand', '{}')")
    complete(tx, claim(tx, worker_id), ["one"])
    [second] = claim(tx, worker_id)
    assert second.args == {"x": "one"}
    complete(tx, [second], ["two"])
    assert get_run(tx, run_id)["output"] == {"second": "two"}


def test_flows_may_come_in_any_order_and_keys_unknown_here_are_no_obstacle(tx: Conn) -> None:
    flows: list[dict[str, Any]] = [
        {**BY_HAND["flows"][0], "slug": slug, "x-comment": "mine"}  # type: ignore[index]
        for slug in ("zebra", "ant")
    ]
    rows = tx.execute(
        "select flow_slug from pgflow.deploy(%s)", [Jsonb({**BY_HAND, "flows": flows})]
    ).fetchall()
    assert sorted(rows) == [("ant",), ("zebra",)]


def test_steps_may_come_in_any_order(tx: Conn) -> None:
    flow = json.loads(json.dumps(BY_HAND["flows"]))[0]
    flow["steps"].reverse()
    tx.execute("select pgflow.deploy(%s)", [Jsonb({**BY_HAND, "flows": [flow]})])
    assert get_run(tx, start_run(tx, "by_hand"))["steps"][1]["status"] == "started"


def test_slugs_that_differ_in_case_or_reach_the_limit_are_different_flows(tx: Conn) -> None:
    longest = "x" * 128
    flows = [a_flow(slug, a_step(longest)) for slug in ("MyFlow", "myflow", longest)]
    deploy(tx, *flows)
    worker_id = register_worker(tx, *flows[:1])
    run_ids = [start_run(tx, flow.slug) for flow in flows]
    assert [task.run_id for task in claim(tx, worker_id)] == run_ids[:1]
