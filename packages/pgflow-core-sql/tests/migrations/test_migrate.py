"""migrate(): from an empty database to the current schema, whoever calls it and how often."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from tests.support.builders import (
    a_diamond,
    claim,
    complete,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)

from pgflow_core_sql import migrate, migrations, migrator, schema_version
from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_core_sql.migrations import MIGRATIONS_DIRECTORY, Migration
from pgflow_core_sql.snapshot import differences, snapshot
from pgflow_manifest import SchemaTooNewError

Conn = psycopg.Connection[Any]


def opened(url: str) -> Conn:
    return psycopg.connect(url, autocommit=True)


def test_empty_database_gets_every_migration_once(empty_database_url: str) -> None:
    with opened(empty_database_url) as conn:
        assert schema_version(conn) is None
        assert migrate(conn) == len(migrations())
        assert schema_version(conn) == len(migrations())
        before = snapshot(conn)
        assert migrate(conn) == 0
        assert differences(before, snapshot(conn)) == []


def test_connection_that_is_not_in_autocommit_is_committed(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as conn:
        migrate(conn)
    with opened(empty_database_url) as conn:
        assert schema_version(conn) == len(migrations())


def test_files_alone_make_the_database_ready(empty_database_url: str) -> None:
    """As psql applies them, or the migration tool of the project they were copied into."""
    with opened(empty_database_url) as conn:
        for migration in migrations():
            conn.execute((MIGRATIONS_DIRECTORY / migration.file_name).read_bytes())
        assert migrate(conn) == 0
        deploy(conn, a_diamond())
        worker_id = register_worker(conn, a_diamond())
        run_id = start_run(conn)
        for _ in range(3):
            complete(conn, claim(conn, worker_id))
        assert get_run(conn, run_id)["status"] == "completed"


def test_files_alone_in_one_transaction_make_the_same_schema(empty_database_url: str) -> None:
    with opened(empty_database_url) as conn:
        with conn.transaction():
            for migration in migrations():
                conn.execute(migration.sql.encode())
        found = snapshot(conn)
    with opened(empty_database_url) as conn:
        conn.execute("drop schema pgflow cascade")
        migrate(conn)
        assert differences(snapshot(conn), found) == []


def test_four_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    together = threading.Barrier(4)

    def start(_: int) -> int:
        with opened(empty_database_url) as conn:
            together.wait(timeout=30)
            return migrate(conn)

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(start, range(4)))
    assert sum(applied) == len(migrations())
    with opened(empty_database_url) as conn:
        assert schema_version(conn) == len(migrations())


def test_two_databases_of_one_server_at_once_share_the_roles(pg_server: EmbeddedPostgres) -> None:
    together = threading.Barrier(2)

    def start(number: int) -> int:
        with opened(pg_server.url()) as admin:
            admin.execute(f"create database twin_{number}".encode())
        with opened(pg_server.url(f"twin_{number}")) as conn:
            together.wait(timeout=30)
            return migrate(conn)

    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(start, range(2))) == [len(migrations())] * 2
    finally:
        with opened(pg_server.url()) as admin:
            for number in range(2):
                admin.execute(f"drop database if exists twin_{number} with (force)".encode())


def broken(sql: str) -> list[Migration]:
    number = len(migrations()) + 1
    return [
        *migrations(),
        Migration(number=number, name="broken", sql=sql, phase="before-deploy", breaking=False),
    ]


def test_migration_that_fails_leaves_nothing_behind(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(empty_database_url) as conn:
        migrate(conn)
        before = snapshot(conn)
        text = "create table pgflow.half_done (n int); select 1/0;"
        monkeypatch.setattr(migrator, "migrations", lambda: broken(text))
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(conn)
        assert differences(before, snapshot(conn)) == []
        assert schema_version(conn) == len(migrations())
        assert conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_first_migration_that_fails_leaves_an_empty_database(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{migrations()[0].sql}\nselect 1/0;"
    first = Migration(number=1, name="x", sql=text, phase="before-deploy", breaking=False)
    monkeypatch.setattr(migrator, "migrations", lambda: [first])
    with opened(empty_database_url) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(conn)
        assert schema_version(conn) is None
        assert scalar(conn, "select to_regnamespace('pgflow')::text") is None


def test_newer_breaking_migration_is_refused(conn: Conn) -> None:
    record(conn, 901, breaking=True)
    with pytest.raises(SchemaTooNewError) as caught:
        migrate(conn)
    assert caught.value.details == {"breaking": 901, "known": len(migrations())}
    assert caught.value.hint


def test_newer_migration_that_breaks_nothing_is_accepted(conn: Conn) -> None:
    record(conn, 901, breaking=False)
    assert migrate(conn) == 0
    assert schema_version(conn) == 901


def test_newer_migrations_after_a_breaking_one_are_refused_too(conn: Conn) -> None:
    record(conn, 901, breaking=True)
    record(conn, 902, breaking=False)
    with pytest.raises(SchemaTooNewError, match="901"):
        migrate(conn)


def record(conn: Conn, number: int, *, breaking: bool) -> None:
    conn.execute(
        "insert into pgflow.migrations (number, name, phase, breaking)"
        " values (%s, 'from_the_future', 'before-deploy', %s)",
        [number, breaking],
    )


def test_owner_of_a_database_migrates_and_runs_flows_without_being_superuser(
    pg_server: EmbeddedPostgres, template_database: str
) -> None:
    """As on managed services; the roles exist already or CREATEROLE makes them."""
    assert template_database
    with opened(pg_server.url()) as admin:
        admin.execute("create role landlord login createrole")
        admin.execute("create database house owner landlord")
    parts = urlsplit(pg_server.url("house"))
    try:
        url = urlunsplit(parts._replace(netloc="landlord@"))
        with opened(url) as conn:
            migrate(conn)
            deploy(conn, a_diamond())
            run_id = start_run(conn)
            worker_id = register_worker(conn, a_diamond())
            for _ in range(3):
                complete(conn, claim(conn, worker_id))
            run = get_run(conn, run_id)
            assert (run["status"], run["owner"]) == ("completed", "landlord")
    finally:
        with opened(pg_server.url()) as admin:
            admin.execute("drop database if exists house with (force)")
            admin.execute("drop role landlord")
