"""Nothing that a caller creates or sets changes what the engine does.

A function that runs with its owner's rights must not look up a single name where the caller can put
one. Functions and operators are never looked up in `pg_temp`, but types are, and before pg_catalog
unless the path names it: a domain `pg_temp.uuid` with a CHECK would run the caller's code as the
owner of the engine.
"""

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.support.builders import (
    DIAMOND_RESULTS,
    a_diamond,
    deploy,
    get_run,
    register_worker,
    scalar,
    start_run,
)
from tests.support.fix_pg import UrlFor

Conn = psycopg.Connection[Any]
TYPES = (
    "uuid",
    "text",
    "jsonb",
    "name",
    "timestamptz",
    "int4",
    "int8",
    "bool",
    "float8",
    "numeric",
)


@pytest.fixture
def eve(conn: Conn, url_for: UrlFor) -> Iterator[Conn]:
    """A session of a client who may also work and deploy, and means harm; every plan is fresh."""
    deploy(conn, a_diamond(client_startable=True))
    conn.execute("create schema lair; grant all on schema lair to public")
    url = url_for("pgflow_client")
    with psycopg.connect(url, autocommit=True) as session:
        conn.execute(f"grant pgflow_worker, pgflow_admin to {session.info.user}".encode())
        session.execute(
            "create function lair.evil() returns boolean language plpgsql as $$"
            " begin if current_user <> session_user"
            " then raise exception 'I run as %', current_user; end if; return true; end $$"
        )
        yield session


def whole_life(session: Conn) -> dict[str, Any]:
    """Deploy, start and work off one run with the functions alone; return its document."""
    deploy(session, a_diamond(client_startable=True))
    worker_id = register_worker(session, a_diamond())
    run_id = start_run(session)
    session.execute("select pgflow.watch_run(%s::pg_catalog.uuid)", [run_id])
    session.execute("select pgflow.beat(%s::pg_catalog.uuid)", [worker_id])
    for _ in range(3):
        session.execute(
            "select pgflow.complete_tasks(array_agg(run_id), array_agg(step_slug),"
            " array_agg(task_index), array_agg(lease_id),"
            " array_agg(%s::pg_catalog.jsonb operator(pg_catalog.->) step_slug))"
            " from pgflow.claim_tasks(%s::pg_catalog.uuid, 10)",
            [json.dumps(DIAMOND_RESULTS), worker_id],
        )
    session.execute("select pgflow.sweep(), pgflow.status(), pgflow.list_runs()")
    session.execute("select pgflow.stop_worker(%s::pg_catalog.uuid)", [worker_id])
    return get_run(session, run_id)


def test_temporary_types_are_not_looked_up(eve: Conn) -> None:
    for name in TYPES:
        eve.execute(
            f"create domain pg_temp.{name} as pg_catalog.{name} check (lair.evil())".encode()
        )
    assert whole_life(eve)["status"] == "completed"


def test_temporary_tables_are_not_looked_up(eve: Conn, conn: Conn) -> None:
    for (table,) in conn.execute(
        "select relname from pg_class where relnamespace = 'pgflow'::regnamespace and relkind = 'r'"
    ):
        eve.execute(f"create temp table {table} (n int)".encode())
    assert whole_life(eve)["status"] == "completed"


def test_functions_and_operators_of_the_callers_path_are_not_looked_up(eve: Conn) -> None:
    for name, arguments in (
        ("now", ""),
        ("clock_timestamp", ""),
        ("jsonb_typeof", "pg_catalog.jsonb"),
        ("gen_random_uuid", ""),
        ("format", "pg_catalog.text, variadic pg_catalog._text"),
        ("pg_has_role", "pg_catalog.name, pg_catalog.text, pg_catalog.text"),
    ):
        eve.execute(
            f"create function lair.{name}({arguments}) returns boolean language sql"
            " as 'select lair.evil()'".encode()
        )
    for left, right in (("text", "text"), ("uuid", "uuid"), ("int4", "int4"), ("jsonb", "jsonb")):
        function = f"lair.eq_{left}"
        eve.execute(
            f"create function {function}({left}, {right}) returns boolean language sql"
            " as 'select not lair.evil()'".encode()
        )
        eve.execute(
            f"create operator lair.= (leftarg = {left}, rightarg = {right},"
            f" function = {function})".encode()
        )
    eve.execute("set search_path = lair, pg_catalog, pgflow")
    assert scalar(eve, "select 1 = 1") is False  # the trap is armed
    eve.execute("reset search_path")
    eve.execute("set search_path = lair, pg_catalog")
    run_id = scalar(eve, "select pgflow.start_flow('voice_memo', '{}')")
    assert scalar(eve, "select pgflow.get_run(%s)", [run_id])["status"] == "started"
    eve.execute("select pgflow.list_runs()")
    eve.execute("select pgflow.cancel_run(%s)", [run_id])


def test_settings_of_the_session_do_not_change_what_is_stored(eve: Conn) -> None:
    for setting in (
        "standard_conforming_strings = off",
        "datestyle = 'German'",
        "timezone = 'Asia/Kathmandu'",
        "extra_float_digits = -15",
        "bytea_output = 'escape'",
        "default_transaction_isolation = 'read uncommitted'",
        "row_security = off",
    ):
        eve.execute(f"set {setting}".encode())
    run = whole_life(eve)
    assert run["status"] == "completed"
    assert {step["slug"]: step["result"] for step in run["steps"]} == DIAMOND_RESULTS
