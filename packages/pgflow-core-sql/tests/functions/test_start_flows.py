"""start_flows: many runs in one go, all or none."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import a_diamond, deploy, get_run, scalar
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
START = "select pgflow.start_flows(%s, %s::jsonb[])"


def test_run_ids_come_in_the_order_of_the_payloads(tx: Conn) -> None:
    deploy(tx, a_diamond())
    payloads = [{"owner_id": str(number)} for number in range(50)]
    run_ids = scalar(tx, START, ["voice_memo", [Jsonb(payload) for payload in payloads]])
    assert len(set(run_ids)) == 50
    assert [get_run(tx, run_id)["payload"] for run_id in run_ids] == payloads


def test_every_run_has_its_first_task(tx: Conn) -> None:
    deploy(tx, a_diamond())
    scalar(tx, START, ["voice_memo", [Jsonb({})] * 7])
    assert scalar(tx, "select count(distinct run_id) from pgflow.tasks") == 7


def test_no_payloads_start_no_runs(tx: Conn) -> None:
    deploy(tx, a_diamond())
    assert scalar(tx, START, ["voice_memo", []]) == []


def test_one_null_payload_refuses_all_and_says_which(tx: Conn) -> None:
    deploy(tx, a_diamond())
    with refused(tx, "PF202") as refusal:
        tx.execute(START, ["voice_memo", [Jsonb({}), None, Jsonb({})]])
    assert refusal.details == {"flow_slug": "voice_memo", "ordinal": 2}
    assert scalar(tx, "select count(*) from pgflow.runs") == 0


def test_one_payload_that_jsonb_cannot_hold_leaves_no_trace(tx: Conn) -> None:
    deploy(tx, a_diamond())
    with pytest.raises(psycopg.errors.UntranslatableCharacter), tx.transaction():
        tx.execute(START, ["voice_memo", ["{}", '"\\u0000"']])
    assert scalar(tx, "select count(*) from pgflow.runs") == 0


def test_unknown_flow_is_refused(tx: Conn) -> None:
    with refused(tx, "PF101") as refusal:
        tx.execute(START, ["nowhere", [Jsonb({})]])
    assert refusal.details == {"flow_slug": "nowhere"}
