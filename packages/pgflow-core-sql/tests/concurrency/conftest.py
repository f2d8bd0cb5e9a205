"""Sessions that run at the same time, in an order that the test decides."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for the calls that may block."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def begin(pool: ThreadPoolExecutor, connect: Connect) -> Begin:
    """Return `begin(conn, call)`: start the call in a thread; back once it is done or blocked."""
    onlooker = connect()

    def begin(conn: Conn, call: Callable[[Conn], Any]) -> Future[Any]:
        future = pool.submit(call, conn)
        deadline = time.monotonic() + 10
        while not future.done():
            row = onlooker.execute(
                "select cardinality(pg_blocking_pids(%s)) > 0", [backend_pid(conn)]
            ).fetchone()
            if row == (True,):
                break
            assert time.monotonic() < deadline, "neither done nor blocked"
            time.sleep(0.001)
        return future

    return begin
