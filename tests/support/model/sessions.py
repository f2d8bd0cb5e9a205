"""The sessions of one machine: any of them may make a call, also while another one's is open."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection
from tests.support.interleave import backend_pid

T = TypeVar("T")
Conn = Connection[Any]

COUNT: Final = 3
_POLL_SECONDS: Final = 0.0005


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

    def at(self, number: int, now: datetime) -> Conn:
        """Return a session whose clock stands at *now*."""
        conn = self.callers[number]
        conn.execute("select set_config('pgflow.fake_now', %s, false)", [now.isoformat()])
        return conn

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


def sqlstate_of(call: Callable[[], object]) -> str | None:
    """Make a call; return the code of its error, None when there was none."""
    try:
        call()
    except psycopg.Error as error:
        return error.sqlstate
    return None
