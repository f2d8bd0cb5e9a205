"""The tables that grow can be partitioned by time, because a run id begins with it.

No migration makes partitions; this shows that the functions would not notice. See docs/scale.md.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_diamond,
    claim,
    column,
    deploy,
    fail,
    get_run,
    register_worker,
    scalar,
    work_off,
)
from tests.support.refusals import refused

Conn = psycopg.Connection[Any]
MONDAY = datetime(2026, 1, 26, tzinfo=UTC)
GROWING = ("runs", "step_states", "attempt_log")


def first_id_of(day: datetime) -> UUID:
    """Return the lowest UUIDv7 of *day*."""
    return UUID(int=int(day.timestamp() * 1000) << 80)


def an_id_of(day: datetime) -> UUID:
    random = uuid4().int & ((1 << 62) - 1)
    return UUID(int=first_id_of(day).int | 7 << 76 | 2 << 62 | random)


def partition_by_day(conn: Conn, days: int) -> None:
    view = scalar(conn, "select pg_get_viewdef('pgflow.attempts'::regclass)")
    for table in GROWING:
        whole = sql.Identifier("pgflow", table)
        plain = sql.Identifier(f"{table}_plain")
        conn.execute(sql.SQL("alter table {} rename to {}").format(whole, plain))
        conn.execute(
            sql.SQL("create table {} (like {} including all) partition by range (run_id)").format(
                whole, sql.Identifier("pgflow", f"{table}_plain")
            )
        )
        for number in range(days):
            bounds = [first_id_of(MONDAY + timedelta(days=number + more)) for more in (0, 1)]
            conn.execute(
                sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
                    sql.Identifier("pgflow", f"{table}_{number}"), whole, *map(str, bounds)
                )
            )
    for table in reversed(GROWING):
        conn.execute(
            sql.SQL("drop table {} cascade").format(sql.Identifier("pgflow", f"{table}_plain"))
        )
    conn.execute(f"create view pgflow.attempts with (security_barrier) as {view}".encode())


def start_on(conn: Conn, day: datetime) -> UUID:
    run_id: UUID = scalar(
        conn,
        "select pgflow.start_flow('voice_memo', %s, %s)",
        [Jsonb({"owner_id": "ada"}), an_id_of(day)],
    )
    return run_id


def test_runs_of_several_partitions_are_worked_off_in_one_batch(conn: Conn) -> None:
    deploy(conn, a_diamond())
    partition_by_day(conn, days=2)
    worker_id = register_worker(conn, a_diamond())
    runs = [start_on(conn, MONDAY + timedelta(hours=8 * number)) for number in range(6)]

    assert set(fail(conn, claim(conn, worker_id), retry_after=0)) == {"retried"}
    assert work_off(conn, worker_id) == 4 * len(runs)

    assert {get_run(conn, run_id)["status"] for run_id in runs} == {"completed"}
    assert column(conn, "select run_id from pgflow.list_runs()") == runs[::-1]
    assert [
        scalar(conn, f"select count(*) from pgflow.{table}_{day}")
        for day in (0, 1)
        for table in GROWING
    ] == [3, 12, 3] * 2


def test_days_are_forgotten_by_dropping_their_partitions(conn: Conn) -> None:
    deploy(conn, a_diamond())
    partition_by_day(conn, days=2)
    worker_id = register_worker(conn, a_diamond())
    old = start_on(conn, MONDAY)
    fail(conn, claim(conn, worker_id), retryable=False)
    new = start_on(conn, MONDAY + timedelta(days=1))

    for table in GROWING:
        conn.execute(f"drop table pgflow.{table}_0")

    with refused(conn, "PF102"):
        get_run(conn, old)
    assert work_off(conn, worker_id) == 4
    assert get_run(conn, new)["status"] == "completed"
