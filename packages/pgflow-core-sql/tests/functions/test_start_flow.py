"""start_flow: one run, with its first tasks, in the caller's own transaction."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    PAYLOAD,
    a_diamond,
    a_flow,
    a_step,
    column,
    deploy,
    get_run,
    scalar,
    start_run,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
RUNS = "select count(*) from pgflow.runs"


def test_run_starts_with_a_task_for_every_step_that_waits_for_nothing(tx: Conn) -> None:
    deploy(tx, a_flow("three", a_step("a"), a_step("b"), a_step("c", "a", "b")))
    run_id = start_run(tx, "three")
    tasks = column(tx, "select step_slug from pgflow.tasks where run_id = %s order by 1", [run_id])
    assert tasks == ["a", "b"]
    assert [(step["slug"], step["status"]) for step in get_run(tx, run_id)["steps"]] == [
        ("a", "started"),
        ("b", "started"),
        ("c", "created"),
    ]


def test_payload_is_kept_as_it_came(tx: Conn) -> None:
    deploy(tx, a_diamond())
    payload = {"owner_id": "ada", "nested": [1, 2.5, None, {"ü": "☃"}]}
    assert get_run(tx, start_run(tx, payload=payload))["payload"] == payload


@pytest.mark.parametrize("payload", [None, [], 0, "text", False])
def test_any_json_value_can_be_a_payload(tx: Conn, payload: Any) -> None:
    deploy(tx, a_diamond())
    run_id = scalar(tx, "select pgflow.start_flow('voice_memo', %s)", [Jsonb(payload)])
    assert get_run(tx, run_id)["payload"] == payload


def test_run_ids_are_uuid_v7_and_sort_by_time(tx: Conn) -> None:
    deploy(tx, a_diamond())
    first = start_run(tx)
    tx.execute("select pg_sleep(0.002)")  # the order holds from one millisecond to the next
    second = start_run(tx)
    assert first.version == second.version == 7
    assert first.variant == "specified in RFC 4122"
    assert first < second


def test_run_id_may_be_chosen_by_the_caller(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = uuid4()
    query = "select pgflow.start_flow('voice_memo', '{}', p_run_id => %s)"
    assert scalar(tx, query, [run_id]) == run_id


def test_taken_run_id_is_refused_and_the_first_run_is_untouched(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    before = get_run(tx, run_id)
    with refused(tx, "PF303") as refusal:
        tx.execute("select pgflow.start_flow('voice_memo', '{}', %s)", [run_id])
    assert UUID(refusal.details["run_id"]) == run_id
    assert get_run(tx, run_id) == before


def test_unknown_flow_is_refused(tx: Conn) -> None:
    with refused(tx, "PF101") as refusal:
        start_run(tx, "nowhere")
    assert refusal.details == {"flow_slug": "nowhere"}
    assert "nowhere" in refusal.message


def test_sql_null_is_no_payload(tx: Conn) -> None:
    deploy(tx, a_diamond())
    with refused(tx, "PF202") as refusal:
        tx.execute("select pgflow.start_flow('voice_memo', null)")
    assert refusal.details == {"flow_slug": "voice_memo"}


@pytest.mark.parametrize(
    ("payload", "sqlstate"),
    [
        ('{"a": "\\u0000"}', "22P05"),
        ('{"a": "\\ud800"}', "22P02"),
        ('{"a": NaN}', "22P02"),
        ('{"a": 1e200000}', "22003"),
        ("[" * 100_000 + "]" * 100_000, "54001"),
    ],
    ids=["nul", "lone surrogate", "NaN", "beyond numeric", "nested too deeply"],
)
def test_what_jsonb_cannot_hold_leaves_no_trace(tx: Conn, payload: str, sqlstate: str) -> None:
    deploy(tx, a_diamond())
    with pytest.raises(psycopg.Error) as caught, tx.transaction():
        tx.execute("select pgflow.start_flow('voice_memo', %s::jsonb)", [payload])
    assert caught.value.sqlstate == sqlstate
    assert scalar(tx, RUNS) == 0


def test_without_commit_there_is_no_run(conn: Conn) -> None:
    deploy(conn, a_diamond())
    with conn.transaction(force_rollback=True):
        start_run(conn)
    assert scalar(conn, RUNS) == 0
    assert scalar(conn, "select count(*) from pgflow.tasks") == 0


def test_start_works_under_every_isolation_level(conn: Conn) -> None:
    deploy(conn, a_diamond())
    for level in ("read committed", "repeatable read", "serializable"):
        with conn.transaction():
            conn.execute(f"set transaction isolation level {level}".encode())
            start_run(conn)
    assert scalar(conn, RUNS) == 3


def test_start_has_no_parameter_for_an_owner_so_it_cannot_be_claimed(tx: Conn) -> None:
    deploy(tx, a_diamond())
    owner = scalar(tx, "select session_user")
    assert get_run(tx, start_run(tx, payload=PAYLOAD))["owner"] == owner
