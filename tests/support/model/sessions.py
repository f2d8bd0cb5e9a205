"""The sessions of one machine: any of them may make a call, also while another one's is open."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg import Connection
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid

T = TypeVar("T")
Conn = Connection[Any]

COUNT: Final = 3
_POLL_SECONDS: Final = 0.0005


_COUNTED_IDS: Final = b"""
create sequence pgflow.counted;
grant usage on sequence pgflow.counted to public;
create or replace function pgflow._uuid_v7() returns uuid
language sql volatile
as $$
  select lpad(to_hex(1000000 + nextval('pgflow.counted')), 32, '0')::uuid
$$
"""
"""Ids of sub-runs that are the same whenever a program is repeated, so that it can be shrunk."""


@dataclass(slots=True, kw_only=True)
class Sessions:
    """Some that make calls, and one that looks on."""

    callers: list[Conn]
    onlooker: Conn
    pool: ThreadPoolExecutor

    def begin(self) -> None:
        """Let chance be the same in every example, so that a failing one can be shrunk."""
        for conn in self.callers:
            conn.execute("select setseed(0.5), set_config('pgflow.claim_from', '', false)")
        self.onlooker.execute("select setval('pgflow.counted', 1)")

    def at(self, number: int, now: datetime) -> Conn:
        """Return a session whose clock stands at *now*."""
        conn = self.callers[number]
        conn.execute("select set_config('pgflow.fake_now', %s, false)", [now.isoformat()])
        return conn

    def find_sub_run(self, step: tuple[UUID, str]) -> UUID:
        """Return the run that a step has started."""
        row = self.onlooker.execute(
            "select sub_run_id from pgflow.sub_runs where (run_id, step_slug) = (%s, %s)", step
        ).fetchone()
        assert row is not None, f"step {step[1]} of run {step[0].int} has started no run"
        sub_run_id: UUID = row[0]
        return sub_run_id

    def overlap(
        self, first: Callable[[], T], one: Conn, second: Callable[[], T], two: Conn
    ) -> tuple[T, T]:
        """Make *first* in an open transaction, and *second* while it is open, which may wait."""
        with one.transaction():
            earlier = first()
            later = self.pool.submit(second)
            deadline = monotonic() + 10
            while not (later.done() or self._is_blocked(two)):
                assert monotonic() < deadline, "neither done nor blocked"
                sleep(_POLL_SECONDS)
        return earlier, later.result(timeout=10)

    def _is_blocked(self, conn: Conn) -> bool:
        row = self.onlooker.execute(
            "select cardinality(pg_blocking_pids(%s)) > 0", [backend_pid(conn)]
        ).fetchone()
        return row == (True,)


@contextmanager
def open_sessions(connect: Connect) -> Generator[Sessions]:
    """Open the sessions of a database of a test."""
    with ThreadPoolExecutor(1) as pool:
        sessions = Sessions(
            callers=[connect() for _ in range(COUNT)], onlooker=connect(), pool=pool
        )
        sessions.onlooker.execute(_COUNTED_IDS)
        yield sessions


def sqlstate_of(call: Callable[[], object]) -> str | None:
    """Make a call; return the code of its error, None when there was none."""
    try:
        call()
    except psycopg.Error as error:
        return error.sqlstate
    return None
