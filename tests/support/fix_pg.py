"""A real PostgreSQL for tests: one server per test process, one fresh database per test.

The template is made by the migrations themselves, so every test tests them too. A clone takes some
30 ms. PGFLOW_TEST_POSTGRES chooses the major version: 15, 16 or 18 (default).
"""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from tests.support.fix_clock import install_fake_clock

if TYPE_CHECKING:
    from pgflow_core_sql.embedded import EmbeddedPostgres

Connect = Callable[[], psycopg.Connection]
UrlFor = Callable[[str], str]

SERVER_SETTINGS: Final = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "track_functions": "all",
}
_TEMPLATE: Final = "pgflow_template"


@pytest.fixture(scope="session")
def pg_server() -> Iterator["EmbeddedPostgres"]:
    """A throw-away server of this test process; every pytest-xdist worker has its own."""
    # imported late: packages without a database are tested where it is not installed
    from pgflow_core_sql.embedded import EmbeddedPostgres

    version = int(os.environ.get("PGFLOW_TEST_POSTGRES") or 18)
    # as root the server runs as another user, who must be able to enter; its data is private anyway
    with tempfile.TemporaryDirectory(prefix="pgflow-test-") as directory:
        Path(directory).chmod(0o755)
        data_dir = Path(directory, "data")
        with EmbeddedPostgres(
            data_dir, version=version, settings=SERVER_SETTINGS, keep=False
        ) as server:
            yield server


@pytest.fixture(scope="session")
def template_database(pg_server: "EmbeddedPostgres") -> str:
    """The name of a database with all migrations applied and a clock that tests can set."""
    from pgflow_core_sql import migrate

    with psycopg.connect(pg_server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(_TEMPLATE)))
    with psycopg.connect(pg_server.url(_TEMPLATE), autocommit=True) as conn:
        migrate(conn)
        install_fake_clock(conn)
    return _TEMPLATE


@pytest.fixture
def database_url(pg_server: "EmbeddedPostgres", template_database: str) -> Iterator[str]:
    """The URL of a fresh database with the engine in it, as superuser; dropped after the test."""
    yield from _database(pg_server, template_database)


@pytest.fixture
def empty_database_url(pg_server: "EmbeddedPostgres") -> Iterator[str]:
    """The URL of a fresh database without anything, for tests of migrations themselves."""
    yield from _database(pg_server, "template0")


@pytest.fixture
def connect(database_url: str) -> Iterator[Connect]:
    """Return a function that opens one more session, in autocommit; closed after the test."""
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        opened.append(psycopg.connect(database_url, autocommit=True))
        return opened[-1]

    yield connect
    for conn in opened:
        conn.close()


@pytest.fixture
def conn(connect: Connect) -> psycopg.Connection:
    """A session of the test's own database, in autocommit, as superuser."""
    return connect()


@pytest.fixture
def url_for(database_url: str, conn: psycopg.Connection) -> Iterator[UrlFor]:
    """Return a function from a role such as `pgflow_client` to the URL of a new member of it.

    Every call makes another member. The empty string gives a role that is member of nothing.
    """
    members: list[sql.Identifier] = []

    def url_for(role: str) -> str:
        name = f"{role or 'nobody'}_{secrets.token_hex(4)}"
        members.append(sql.Identifier(name))
        conn.execute(sql.SQL("create role {} login").format(members[-1]))
        if role:
            conn.execute(sql.SQL("grant {} to {}").format(sql.Identifier(role), members[-1]))
        parts = urlsplit(database_url)
        return urlunsplit(parts._replace(netloc=f"{quote(name)}@"))

    yield url_for
    with psycopg.connect(database_url, autocommit=True) as cleaner:
        for member in members:
            cleaner.execute(sql.SQL("drop owned by {} cascade").format(member))
            cleaner.execute(sql.SQL("drop role {}").format(member))


def _database(server: "EmbeddedPostgres", template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    yield server.url(name)
    # the test may have restarted the server, so the session is a new one
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
