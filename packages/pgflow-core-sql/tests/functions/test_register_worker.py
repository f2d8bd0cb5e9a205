"""register_worker: the engine learns which contracts a worker has handlers for."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.support.builders import (
    a_diamond,
    a_flow,
    a_step,
    claim,
    deploy,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
REGISTER = """select flow_slug, step_slug, digest, contract_id from pgflow.register_worker(
    %s, %s, %s::text[], %s::text[], %s::text[], %s)"""


def test_answer_gives_the_contract_of_each_handler(tx: Conn) -> None:
    flow = a_diamond()
    deploy(tx, flow)
    slugs = [step.slug for step in flow.steps]
    digests = [step.digest for step in flow.steps]
    rows = tx.execute(REGISTER, [uuid4(), "w", ["voice_memo"] * 4, slugs, digests, 10]).fetchall()
    contracts = dict(tx.execute("select step_slug, contract_id from pgflow.contracts").fetchall())
    assert sorted(rows) == sorted(
        ("voice_memo", step.slug, step.digest, contracts[step.slug]) for step in flow.steps
    )


def test_handler_of_an_older_version_may_register(tx: Conn) -> None:
    old = a_flow("f", a_step("a"))
    deploy(tx, old)
    deploy(tx, a_flow("f", a_step("a", result_schema={"type": "null"})))
    register_worker(tx, old)


def test_handlers_that_are_not_deployed_are_all_named(tx: Conn) -> None:
    deploy(tx, a_flow("f", a_step("a")))
    other = a_flow("f", a_step("a", result_schema={"type": "null"}), a_step("b", "a"))
    with refused(tx, "PF402") as refusal:
        register_worker(tx, other)
    assert refusal.details == {
        "missing": [{"flow": "f", "step": step.slug, "digest": step.digest} for step in other.steps]
    }
    assert scalar(tx, "select count(*) from pgflow.workers") == 0


def test_registering_again_replaces_the_handlers(tx: Conn) -> None:
    flow = a_flow("f", a_step("a"), a_step("b"))
    deploy(tx, flow)
    worker_id = register_worker(tx, flow)
    call = [worker_id, "renamed", ["f"], ["b"], [flow.step("b").digest], 5]
    tx.execute(REGISTER, call)
    start_run(tx, "f")
    assert [task.step_slug for task in claim(tx, worker_id)] == ["b"]
    assert scalar(tx, "select name from pgflow.workers") == "renamed"


def test_dead_worker_revives_by_registering(tx: Conn, set_clock: SetClock) -> None:
    deploy(tx, a_diamond())
    set_clock(tx, NOON)
    worker_id = register_worker(tx, a_diamond())
    set_clock(tx, NOON + timedelta(minutes=1))
    tx.execute("select pgflow.sweep()")
    assert scalar(tx, "select status from pgflow.workers") == "dead"
    flow = a_diamond()
    tx.execute(
        REGISTER, [worker_id, "w", ["voice_memo"], ["transcribe"], [flow.steps[0].digest], 10]
    )
    row = tx.execute("select status, ended_at, last_beat_at from pgflow.workers").fetchone()
    assert row == ("running", None, NOON + timedelta(minutes=1))
    tx.execute("select pgflow.beat(%s)", [worker_id])


def test_worker_without_handlers_may_register(tx: Conn) -> None:
    assert tx.execute(REGISTER, [uuid4(), "w", [], [], [], 10]).fetchall() == []


@pytest.mark.parametrize(
    "arrays",
    [(["f"], [], []), (["f"], ["a"], []), ([], [], ["x"]), (None, ["a"], ["x"])],
    ids=str,
)
def test_arrays_of_different_lengths_are_refused(tx: Conn, arrays: tuple[Any, ...]) -> None:
    with refused(tx, "PF209") as refusal:
        tx.execute(REGISTER, [uuid4(), "w", *arrays, 10])
    assert len(refusal.details["lengths"]) == 3


@pytest.mark.parametrize("seconds", [0, -1, 3601, None, "NaN"])
def test_beat_out_of_range_is_refused(tx: Conn, seconds: Any) -> None:
    with refused(tx, "PF203"):
        tx.execute(REGISTER, [uuid4(), "w", [], [], [], seconds])
