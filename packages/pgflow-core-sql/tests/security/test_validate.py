"""`validate` runs with its owner's rights for whoever may call it, and gives nothing else."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.support.builders import scalar
from tests.support.fix_pg import Connect, UrlFor
from tests.support.refusals import denied, refused

from pgflow_core_sql import migrate
from pgflow_core_sql.embedded import EmbeddedPostgres

Conn = psycopg.Connection[Any]
ActingAs = Callable[[str], AbstractContextManager[str]]

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
        "n": {"type": "integer", "minimum": 1, "multipleOf": 2},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
        "to": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]},
    },
    "patternProperties": {"^x-": {"not": {"type": "null"}}},
    "required": ["id"],
    "unevaluatedProperties": False,
    "$defs": {"place": {"type": "object", "required": ["city"]}},
}
GOOD = {"id": "ab", "n": 4, "tags": ["a", "b"], "to": {"city": "Bern"}, "x-1": 1}
BAD = {"id": "A", "n": 3, "tags": ["a", "a"], "to": {}, "x-1": None, "more": 1}


def validate(conn: Conn, schema: Any, value: Any) -> Any:
    return scalar(
        conn,
        "select pgflow.validate(%s::pg_catalog.jsonb, %s::pg_catalog.jsonb)",
        [json.dumps(schema), json.dumps(value)],
    )


def test_workers_viewers_and_admins_may_validate_and_nobody_else(
    tx: Conn, acting_as: ActingAs
) -> None:
    for role in ("pgflow_worker", "pgflow_viewer", "pgflow_admin"):
        with acting_as(role):
            assert validate(tx, ORDER, GOOD) is None
    for role in ("", "pgflow_client"):
        with acting_as(role), denied(tx):
            validate(tx, ORDER, GOOD)


def test_what_is_behind_it_is_closed_to_who_may_call_it(tx: Conn, acting_as: ActingAs) -> None:
    for role in ("pgflow_client", "pgflow_worker"):
        with acting_as(role):
            for statement in (
                "select * from pgflow.schemas",
                "select * from pgflow.schema_documents",
                "delete from pgflow.schemas",
                "update pgflow.schemas set program = '[true]'",
                "insert into pgflow.schema_documents values ('https://example.com', 'true')",
                "select pgflow._put_schema('true', '', '')",
                "select pgflow._check_value('', '1')",
                "select pgflow._explain('[true]', '1')",
                "select pgflow._walk('[true]', 'true', '1', 0, 'infinity')",
                "select pgflow._recompile_schemas()",
            ):
                with denied(tx):
                    tx.execute(statement.encode())


def test_viewers_and_admins_read_schemas_and_do_not_write_them(
    tx: Conn, acting_as: ActingAs
) -> None:
    for role in ("pgflow_viewer", "pgflow_admin"):
        with acting_as(role):
            tx.execute("select from pgflow.schemas")
            for statement in (
                "update pgflow.schemas set program = '[true]'",
                "delete from pgflow.schema_documents",
                "truncate pgflow.schemas",
            ):
                with denied(tx):
                    tx.execute(statement.encode())


def test_validating_stores_nothing_even_in_a_transaction_that_must_not_write(tx: Conn) -> None:
    tx.execute("set transaction read only")
    assert validate(tx, ORDER, GOOD) is None


@pytest.fixture
def eve(conn: Conn, url_for: UrlFor) -> Iterator[Conn]:
    """A worker with a schema of her own, first in her path, full of traps."""
    conn.execute("create schema lair; grant all on schema lair to public")
    conn.execute(
        "create function lair.evil() returns boolean language plpgsql as $$"
        " begin raise exception 'I run as %', current_user; end $$"
    )
    for left, operator, right in (
        *(("jsonb", "=", "jsonb"), ("jsonb", "<>", "jsonb"), ("jsonb", "->", "text")),
        *(("jsonb", "?", "text"), ("jsonb", "?|", "_text"), ("jsonb", "?&", "_text")),
        *(("jsonb", "@?", "jsonpath"), ("jsonb", "@>", "jsonb"), ("jsonb", "||", "jsonb")),
        *(("text", "~", "text"), ("text", "=", "text"), ("text", "||", "text")),
        *(("numeric", "%", "numeric"), ("int4", "<", "int4"), ("bytea", "=", "bytea")),
    ):
        conn.execute(
            f"create or replace function lair.trap(pg_catalog.{left}, pg_catalog.{right})"
            " returns boolean language sql as 'select lair.evil()';"
            f" create operator lair.{operator}"
            f" (leftarg = {left}, rightarg = {right}, function = lair.trap)".encode()
        )
    for function, argument in (
        *(("jsonb_typeof", "jsonb"), ("jsonb_array_length", "jsonb"), ("length", "text")),
        *(("jsonb_each", "jsonb"), ("jsonb_array_elements", "jsonb"), ("sha256", "bytea")),
    ):
        conn.execute(
            f"create function lair.{function}(pg_catalog.{argument}) returns boolean language sql"
            " as 'select lair.evil()'".encode()
        )
    with psycopg.connect(url_for("pgflow_worker"), autocommit=True) as session:
        session.execute("set search_path = lair, pg_catalog, pg_temp")
        with pytest.raises(psycopg.errors.RaiseException, match="I run as"):
            session.execute("select '1'::jsonb = '1'::jsonb")  # the traps are armed
        yield session


def test_traps_in_the_path_of_the_caller_are_not_met(eve: Conn) -> None:
    for _ in range(7):  # plans of the first calls and those that are kept
        assert validate(eve, ORDER, GOOD) is None
        assert {error["at"] for error in validate(eve, ORDER, BAD)} >= {"/id", "/n", "/tags"}
    with refused(eve, "PF211"):
        validate(eve, {"type": "nothing"}, 1)


def test_temporary_types_and_tables_are_not_met_either(eve: Conn) -> None:
    for name in ("jsonb", "text", "int4", "bool", "numeric", "timestamptz", "bytea", "jsonpath"):
        eve.execute(
            f"create domain pg_temp.{name} as pg_catalog.{name} check (lair.evil())".encode()
        )
    for table in ("schemas", "schema_documents"):
        eve.execute(f"create temp table {table} (n pg_catalog.int4)".encode())
    assert validate(eve, ORDER, GOOD) is None
    assert validate(eve, ORDER, BAD)


def test_settings_of_the_session_do_not_change_the_verdict(eve: Conn) -> None:
    value = {**GOOD, "x-1": 0.1}
    for setting in (
        "standard_conforming_strings = off",
        "extra_float_digits = -15",
        "bytea_output = 'escape'",
        "xmloption = 'document'",
        "lc_numeric = 'C'",
        "pgflow.validation_deadline_ms = 'no number'",
    ):
        eve.execute(f"set {setting}".encode())
        assert validate(eve, {"multipleOf": 0.01}, 0.07) is None
        assert validate(eve, ORDER, value) is None
        assert validate(eve, ORDER, BAD)


def test_a_session_that_reads_backslashes_as_escapes_stores_the_same_program(
    conn: Conn, connect: Connect
) -> None:
    schema = {
        "$id": "https://example.com/",
        "properties": {
            "a": {"pattern": r"^[\w.-]+@\d{1,3}\S\b\u00e9\x41$"},
            "b": {"$ref": "#here", "$anchor": "there"},
            "c": {"$anchor": "here", "pattern": "{}"},
        },
    }
    odd = connect()
    odd.execute("set standard_conforming_strings = off; set escape_string_warning = off")
    stored = []
    for session in (odd, conn):
        with session.transaction(force_rollback=True):
            schema_id = scalar(session, "select pgflow._put_schema(%s, '', '')", [Jsonb(schema)])
            query = "select program from pgflow.schemas where schema_id = %s"
            stored.append(scalar(session, query, [schema_id]))
    assert stored[0] == stored[1]
    assert r"[A-Za-z0-9_.-]" in stored[0][1]["pattern"]


def test_a_session_shortens_its_own_deadline_and_then_gets_a_limit_and_no_verdict(
    eve: Conn,
) -> None:
    eve.execute("set pgflow.validation_deadline_ms = 0")
    for value in (GOOD, BAD):
        assert [error["keyword"] for error in validate(eve, ORDER, value)] == ["limit"]


def test_owner_of_the_engine_need_not_be_superuser(
    pg_server: EmbeddedPostgres, template_database: str
) -> None:
    assert template_database  # its migration made the roles
    with psycopg.connect(pg_server.url(), autocommit=True) as admin:
        admin.execute("create role schema_lord login createrole")
        admin.execute("create database schema_house owner schema_lord")
        try:
            parts = urlsplit(pg_server.url("schema_house"))
            url = urlunsplit(parts._replace(netloc="schema_lord@"))
            with psycopg.connect(url, autocommit=True) as lord:
                migrate(lord)
                owners = scalar(
                    lord,
                    "select array_agg(distinct r.rolsuper) from pg_proc p join pg_roles r"
                    " on r.oid = p.proowner where p.pronamespace = 'pgflow'::regnamespace",
                )
                assert owners == [False]
                schema_id = scalar(
                    lord, "select pgflow._put_schema(%s, '', '')", [json.dumps(ORDER)]
                )
                check = "select pgflow._check_value(%s, %s)"
                assert scalar(lord, check, [schema_id, json.dumps(GOOD)]) is None
                assert scalar(lord, check, [schema_id, json.dumps(BAD)])
                assert validate(lord, ORDER, GOOD) is None
        finally:
            admin.execute("drop database if exists schema_house with (force)")
            admin.execute("drop role schema_lord")
