"""On a database with Supabase's roles the migration maps them; on any other it does nothing.

Roles belong to the whole server, so these tests have a server of their own.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from tests.support.builders import (
    a_diamond,
    claim,
    column,
    complete,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.invariants import check_invariants
from tests.support.refusals import denied, refused

from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres

Conn = psycopg.Connection[Any]
OPEN = a_diamond(client_startable=True)

SUPABASE = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;
create publication supabase_realtime;
create role project_owner login createrole bypassrls;
alter publication supabase_realtime owner to project_owner;
grant create on database project to project_owner;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    version = int(os.environ.get("PGFLOW_TEST_POSTGRES") or 18)
    with tempfile.TemporaryDirectory(prefix="pgflow-test-") as directory:
        Path(directory).chmod(0o755)
        settings = {"wal_level": "logical", "fsync": "off"}
        with EmbeddedPostgres(
            Path(directory, "data"), version=version, settings=settings, keep=False
        ) as server:
            yield server


def url_of(server: EmbeddedPostgres, role: str) -> str:
    """Return the URL of the project's database for a login role."""
    return urlunsplit(urlsplit(server.url("project"))._replace(netloc=f"{role}@"))


@pytest.fixture(scope="module")
def admin(server: EmbeddedPostgres) -> Iterator[Conn]:
    """A superuser of a database that was Supabase's before its owner, who is none, migrated it."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("create database project")
    with psycopg.connect(server.url("project"), autocommit=True) as conn:
        conn.execute(SUPABASE)
        with psycopg.connect(url_of(server, "project_owner"), autocommit=True) as owner:
            assert migrate(owner) >= 1
        deploy(conn, OPEN, a_diamond("closed"))
        yield conn
        check_invariants(conn)


@pytest.fixture
def rest(server: EmbeddedPostgres, admin: Conn) -> Iterator[Conn]:
    """A session of PostgREST's login role."""
    with psycopg.connect(url_of(server, "authenticator"), autocommit=True) as conn:
        yield conn


@contextmanager
def request(rest: Conn, role: str, **claims: str) -> Iterator[Conn]:
    """Let *rest* serve one HTTP request as PostgREST does: one transaction, role and claims."""
    with rest.transaction():
        rest.execute(f"set local role {role}".encode())
        rest.execute(
            "select set_config('request.jwt.claims', %s, true)",
            [json.dumps({"role": role, **claims})],
        )
        yield rest


def test_signed_in_user_starts_sees_and_cancels_his_own_runs(rest: Conn) -> None:
    with request(rest, "authenticated", sub="alice") as alice:
        run_id = start_run(alice)
        assert get_run(alice, run_id)["owner"] == "alice"
        assert run_id in column(alice, "select run_id from pgflow.list_runs()")
    with request(rest, "authenticated", sub="alice") as alice:
        assert scalar(alice, "select pgflow.cancel_run(%s)", [run_id]) == "cancelled"


def test_user_selects_only_his_own_rows(rest: Conn) -> None:
    with request(rest, "authenticated", sub="carol") as carol:
        carols = start_run(carol)
    with request(rest, "authenticated", sub="dave") as dave:
        daves = start_run(dave)
        for table in ("runs", "step_states"):
            assert column(dave, f"select distinct run_id from pgflow.{table}") == [daves]
        with refused(dave, "PF102"):
            get_run(dave, carols)
        with refused(dave, "PF102"):
            scalar(dave, "select pgflow.cancel_run(%s)", [carols])


def test_user_writes_no_table_and_reads_no_other(rest: Conn) -> None:
    with request(rest, "authenticated", sub="alice") as alice:
        for statement in (
            "update pgflow.runs set owner = 'alice'",
            "delete from pgflow.step_states",
            "insert into pgflow.runs default values",
            "select * from pgflow.attempts",
            "select * from pgflow.tasks",
            "select * from pgflow.leases",
        ):
            with denied(alice):
                alice.execute(statement.encode())


def test_user_cannot_start_a_flow_that_is_not_marked_nor_work(rest: Conn) -> None:
    with request(rest, "authenticated", sub="alice") as alice:
        with refused(alice, "PF401"):
            start_run(alice, "closed")
        for statement in (
            "select pgflow.deploy('{}')",
            "select pgflow.sweep()",
            "select pgflow.claim_tasks(gen_random_uuid(), 1)",
        ):
            with denied(alice):
                alice.execute(statement.encode())


def test_anonymous_visitor_may_nothing(rest: Conn) -> None:
    with request(rest, "anon") as anon:
        for statement in (
            "select pgflow.list_runs()",
            "select pgflow.start_flow('voice_memo', '{}')",
            "select pgflow.schema_version()",
            "select * from pgflow.runs",
            "select * from pgflow.step_states",
        ):
            with denied(anon):
                anon.execute(statement.encode())


def test_service_role_deploys_works_and_sees_all(rest: Conn) -> None:
    with request(rest, "authenticated", sub="erin") as erin:
        run_id = start_run(erin)
    with request(rest, "service_role") as service:
        assert deploy(service, OPEN)[0][2] in ("unchanged", "options_changed")
        worker_id = register_worker(service, OPEN)
        while tasks := claim(service, worker_id):
            complete(service, tasks)
        assert get_run(service, run_id)["status"] == "completed"
        assert get_run(service, start_run(service, "closed"))["owner"] == "service_role"
    with request(rest, "authenticated", sub="erin") as erin:
        assert scalar(erin, "select count(*) from pgflow.step_states") == 4


def test_publication_carries_runs_and_step_states(admin: Conn) -> None:
    tables = column(
        admin,
        "select tablename from pg_publication_tables"
        " where pubname = 'supabase_realtime' and schemaname = 'pgflow' order by 1",
    )
    assert tables == ["runs", "step_states"]


def test_published_tables_can_be_updated(admin: Conn) -> None:
    """A published table without a replica identity refuses every update; these have a key."""
    identities = column(
        admin,
        "select relreplident from pg_class where oid in"
        " ('pgflow.runs'::regclass, 'pgflow.step_states'::regclass)",
    )
    assert set(identities) <= {b"d", b"f", "d", "f"}


def test_second_database_of_the_server_is_migrated_too(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("create database second")
    with psycopg.connect(server.url("second"), autocommit=True) as conn:
        assert migrate(conn) >= 1


def test_plain_postgres_gets_no_supabase_roles_and_no_publication(conn: Conn) -> None:
    names = "('anon', 'authenticated', 'service_role', 'authenticator')"
    assert column(conn, f"select rolname from pg_roles where rolname in {names}") == []
    assert column(conn, "select pubname from pg_publication") == []
    assert scalar(conn, "select pgflow.schema_version()") >= 1
