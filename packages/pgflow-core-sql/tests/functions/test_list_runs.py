"""list_runs: the newest runs, narrowed by flow and status."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.support.builders import (
    a_diamond,
    a_flow,
    a_step,
    column,
    deploy,
    scalar,
    start_run,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]


def test_row_says_what_a_table_of_runs_shows(tx: Conn) -> None:
    deploy(tx, a_diamond())
    run_id = start_run(tx)
    with tx.cursor(row_factory=dict_row) as cursor:
        [row] = cursor.execute("select * from pgflow.list_runs()").fetchall()
    assert row.pop("started_at") is not None
    assert row == {
        "run_id": run_id,
        "flow_slug": "voice_memo",
        "version": 1,
        "status": "started",
        "owner": scalar(tx, "select session_user"),
        "ended_at": None,
    }


def test_newest_run_comes_first_and_the_limit_cuts_the_oldest(tx: Conn) -> None:
    deploy(tx, a_diamond())
    started = []
    for _ in range(4):
        started.append(start_run(tx))
        tx.execute("select pg_sleep(0.0015)")  # ids sort from one millisecond to the next
    listed = column(tx, "select run_id from pgflow.list_runs(p_limit => 3)")
    assert listed == started[:0:-1]


def test_flow_and_status_narrow_the_list(tx: Conn) -> None:
    deploy(tx, a_diamond(), a_flow("other", a_step("a")))
    memo, other, cancelled = start_run(tx), start_run(tx, "other"), start_run(tx)
    tx.execute("select pgflow.cancel_run(%s)", [cancelled])

    def listed(*arguments: str | None) -> set[Any]:
        return set(column(tx, "select run_id from pgflow.list_runs(%s, %s)", arguments))

    assert listed(None, None) == {memo, other, cancelled}
    assert listed("voice_memo", None) == {memo, cancelled}
    assert listed(None, "started") == {memo, other}
    assert listed("voice_memo", "cancelled") == {cancelled}
    assert listed("nowhere", None) == set()


def test_rights_of_the_caller_are_asked_once_and_not_of_every_run(tx: Conn) -> None:
    deploy(tx, a_diamond())
    tx.execute("select pgflow.start_flows('voice_memo', array_fill('{}'::jsonb, array[50]))")
    asked = """select coalesce(sum(calls), 0) from pg_stat_xact_user_functions
        where schemaname = 'pgflow' and funcname in ('may_see', '_sees_all', '_current_owner')"""
    before = scalar(tx, asked)
    assert len(column(tx, "select run_id from pgflow.list_runs()")) == 50
    assert 0 < scalar(tx, asked) - before < 10


def test_runs_of_one_owner_are_found_without_reading_those_of_others(tx: Conn) -> None:
    deploy(tx, a_diamond())
    one = start_run(tx)
    tx.execute("update pgflow.runs set owner = 'few' where run_id = %s", [one])
    tx.execute("select pgflow.start_flows('voice_memo', array_fill('{}'::jsonb, array[2000]))")
    tx.execute("analyze pgflow.runs")
    plan = column(
        tx,
        "explain select * from pgflow.runs where owner = 'few' order by run_id desc limit 50",
    )
    assert any("runs_by_owner" in line for line in plan), plan


@pytest.mark.parametrize("limit", [0, -1, 10_001, None])
def test_limit_out_of_range_is_refused(tx: Conn, limit: int | None) -> None:
    with refused(tx, "PF203") as refusal:
        tx.execute("select * from pgflow.list_runs(p_limit => %s)", [limit])
    assert refusal.details == {"p_limit": limit}
