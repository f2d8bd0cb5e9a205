"""A clock that tests set, so that no test sleeps to make time pass.

The engine asks `pgflow._now()` for the time. Only the template database of the tests gets the body
below; production keeps its own, because a clock that any session can set would let it expire the
leases of others. All else about the function stays as in production: see `util/_now.sql`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import LiteralString

import pytest
from psycopg import Connection

FAKE_NOW: LiteralString = """
create or replace function pgflow._now() returns timestamptz
language sql volatile parallel safe
as $$
  select coalesce(
    nullif(current_setting('pgflow.fake_now', true), '')::timestamptz,
    clock_timestamp()
  )
$$
"""

SetClock = Callable[[Connection, datetime | None], None]


def install_fake_clock(conn: Connection) -> None:
    """Let sessions of this database set their clock by `set pgflow.fake_now = '2026-01-31'`."""
    conn.execute(FAKE_NOW)


@pytest.fixture
def set_clock() -> SetClock:
    """Return `set_clock(conn, when)`; None gives the session the real time again."""

    def set_clock(conn: Connection, when: datetime | None) -> None:
        conn.execute(
            "select set_config('pgflow.fake_now', %s, false)",
            ("" if when is None else when.isoformat(),),
        )

    return set_clock
