"""Two speeds of database for tests of the engine, and the recount after each of them.

`tx` is one transaction on a database that all tests share, rolled back: a few milliseconds. `conn`
(tests/support/fix_pg.py) is a database of the test's own, for what needs commits or two sessions.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from tests.support.fix_pg import Connect
from tests.support.interleave import backend_pid
from tests.support.invariants import check_invariants

from pgflow_core_sql.embedded import EmbeddedPostgres

Conn = psycopg.Connection[Any]
Begin = Callable[[Conn, Callable[[Conn], Any]], Future[Any]]
ActingAs = Callable[[str], AbstractContextManager[str]]

# Chosen before pytest-xdist starts its processes, so that all of them have the same.
os.environ.setdefault("PGFLOW_FUZZ_SEED", str(secrets.randbelow(10**9)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the seed of test_fuzz.py, with which a failure can be repeated; `-q` hides headers."""
    terminalreporter.write_line(f"PGFLOW_FUZZ_SEED={os.environ['PGFLOW_FUZZ_SEED']}")


@pytest.fixture(scope="session")
def shared_database_url(pg_server: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    """The URL of the database that `tx` uses: nothing is ever committed to it."""
    name = sql.Identifier(f"shared_{secrets.token_hex(4)}")
    template = sql.Identifier(template_database)
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("create database {} template {}").format(name, template))
        yield pg_server.url(name.as_string().strip('"'))
        admin.execute(sql.SQL("drop database {} with (force)").format(name))


@pytest.fixture(scope="session")
def _shared_session(shared_database_url: str) -> Iterator[Conn]:
    with psycopg.connect(shared_database_url, autocommit=True) as conn:
        yield conn


@pytest.fixture
def tx(_shared_session: Conn) -> Iterator[Conn]:
    """A session inside a transaction, as superuser; rolled back after the recount."""
    conn = _shared_session
    with conn.transaction(force_rollback=True):
        yield conn
        if conn.info.transaction_status is TransactionStatus.INTRANS:
            conn.execute("reset session authorization")
            check_invariants(conn)


@pytest.fixture(autouse=True)
def _invariants_hold(request: pytest.FixtureRequest) -> Iterator[None]:
    # Asked for before anything else, so that this ends after the sessions of the test are closed.
    url = None
    if "database_url" in request.fixturenames:
        url = request.getfixturevalue("database_url")
    yield
    if url is not None:
        with psycopg.connect(url, autocommit=True) as conn:
            check_invariants(conn)


@pytest.fixture
def acting_as(tx: Conn) -> ActingAs:
    """Return `with acting_as("pgflow_client") as name`: `tx` as a new login role, member of it.

    The empty string makes a role that is member of nothing.
    """

    @contextmanager
    def acting_as(role: str) -> Iterator[str]:
        name = f"{role or 'nobody'}_{secrets.token_hex(4)}"
        tx.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
        if role:
            tx.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), sql.Identifier(name)))
        with as_role(tx, name):
            yield name

    return acting_as


@contextmanager
def as_role(conn: Conn, name: str) -> Iterator[None]:
    """Let *conn* be the session of the login role *name*."""
    conn.execute(sql.SQL("set session authorization {}").format(sql.Identifier(name)))
    yield
    conn.execute("reset session authorization")


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


def _call(conn: Conn, where: str) -> dict[str, str]:
    """Return a call of each function with nulls for arguments, by signature."""
    rows = conn.execute(
        f"""
        select p.oid::regprocedure::text,
          'select pgflow.' || p.proname || '(' || coalesce((
            select string_agg('null::' || format_type(t, null), ', ' order by n)
            from unnest(p.proargtypes::oid[]) with ordinality as a (t, n)
          ), '') || ')'
        from pg_proc as p
        where p.pronamespace = 'pgflow'::regnamespace and {where}
        """.encode()
    ).fetchall()
    return dict(rows)


@pytest.fixture
def every_call(tx: Conn) -> dict[str, str]:
    """A call of every function, private ones too."""
    return _call(tx, "true")


@pytest.fixture
def private_calls(tx: Conn) -> dict[str, str]:
    """A call of every private function."""
    return _call(tx, "starts_with(p.proname, '_')")


@pytest.fixture
def tables(tx: Conn) -> list[str]:
    """Every table of pgflow; its view cannot be written by anybody."""
    return [
        name
        for (name,) in tx.execute(
            "select relname from pg_class"
            " where relnamespace = 'pgflow'::regnamespace and relkind in ('r', 'm', 'p')"
        )
    ]
