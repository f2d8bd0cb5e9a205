"""claim_tasks while a transaction holds an old snapshot: dead rows are not read again and again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import (
    a_flow,
    a_step,
    claim,
    complete,
    deploy,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_clock import SetClock
from tests.support.fix_pg import Connect

Conn = psycopg.Connection[Any]
SINGLE = a_flow("single", a_step("only"))
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def worker_id(conn: Conn) -> UUID:
    deploy(conn, SINGLE)
    return register_worker(conn, SINGLE)


def contract(conn: Conn) -> int:
    return int(scalar(conn, "select contract_id from pgflow.contracts"))


def keep(conn: Conn, exhausted_at: datetime) -> None:
    """Let the session believe that a claim at that time took long and left nothing."""
    conn.execute(
        "select pgflow._keep_claim_from(%s, null, null, %s, '1 minute')",
        [[contract(conn)], exhausted_at],
    )


def kept(conn: Conn) -> Any:
    return scalar(conn, "select nullif(current_setting('pgflow.claim_from', true), '')::jsonb")


def entries_read(conn: Conn, worker_id: UUID) -> int:
    """Claim, and return how many entries of the index were read for it, those of dead rows too."""
    read = "select pg_stat_get_xact_tuples_returned('pgflow.tasks_to_claim'::regclass)"
    with conn.transaction():
        before = int(scalar(conn, read))
        assert len(claim(conn, worker_id, 1)) == 1
        return int(scalar(conn, read)) - before


def test_quick_claims_keep_nothing(conn: Conn, worker_id: UUID) -> None:
    start_run(conn, "single")
    assert len(claim(conn, worker_id)) == 1
    assert kept(conn) is None


def test_after_a_slow_claim_dead_rows_are_passed_over(
    conn: Conn, connect: Connect, set_clock: SetClock, worker_id: UUID
) -> None:
    holder = connect()
    holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with holder.transaction():
        holder.execute("select count(*) from pgflow.tasks")
        set_clock(conn, NOON)
        for _ in range(300):
            start_run(conn, "single")
        complete(conn, claim(conn, worker_id, 1000), ["x"] * 300)
        set_clock(conn, NOON + timedelta(seconds=1))
        start_run(conn, "single")
        start_run(conn, "single")
        assert entries_read(conn, worker_id) > 300
        keep(conn, NOON + timedelta(seconds=1))
        assert entries_read(conn, worker_id) < 10


def test_what_lies_before_is_found_when_the_time_of_the_hint_is_over(
    conn: Conn, set_clock: SetClock, worker_id: UUID
) -> None:
    set_clock(conn, NOON)
    start_run(conn, "single")
    set_clock(conn, NOON + timedelta(minutes=1))
    keep(conn, NOON + timedelta(minutes=1))
    assert claim(conn, worker_id) == []
    over = {**kept(conn), "until": NOON.isoformat()}
    conn.execute("select set_config('pgflow.claim_from', %s::jsonb::text, false)", [Jsonb(over)])
    assert len(claim(conn, worker_id)) == 1


def test_what_was_queued_shortly_before_the_slow_claim_is_found_at_once(
    conn: Conn, set_clock: SetClock, worker_id: UUID
) -> None:
    """It may have been committed only after."""
    keep(conn, NOON)
    set_clock(conn, NOON - timedelta(milliseconds=150))
    start_run(conn, "single")
    set_clock(conn, NOON + timedelta(seconds=1))
    assert len(claim(conn, worker_id)) == 1


def test_other_sessions_look_from_the_start(
    conn: Conn, connect: Connect, set_clock: SetClock, worker_id: UUID
) -> None:
    set_clock(conn, NOON)
    start_run(conn, "single")
    keep(conn, NOON + timedelta(minutes=1))
    assert len(claim(connect(), worker_id)) == 1


def test_hint_moves_on_with_what_is_claimed(
    conn: Conn, set_clock: SetClock, worker_id: UUID
) -> None:
    keep(conn, NOON)
    set_clock(conn, NOON + timedelta(minutes=1))
    start_run(conn, "single")
    assert len(claim(conn, worker_id)) == 1
    from_now_on = datetime.fromisoformat(kept(conn)[str(contract(conn))])
    assert from_now_on == NOON + timedelta(minutes=1, milliseconds=-200)


def test_contract_that_a_full_claim_did_not_reach_has_no_hint(conn: Conn) -> None:
    conn.execute(
        "select pgflow._keep_claim_from(array[7, 8], null, %s, null, '1 minute')",
        [Jsonb({"7": NOON.isoformat()})],
    )
    assert set(kept(conn)) == {"7", "until"}
