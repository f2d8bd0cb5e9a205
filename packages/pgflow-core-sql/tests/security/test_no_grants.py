"""A role that was granted nothing can do nothing: every function and every table is tried."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from tests.support.builders import a_claimed_task
from tests.support.fix_pg import UrlFor
from tests.support.refusals import denied

Conn = psycopg.Connection[Any]
ActingAs = Callable[[str], AbstractContextManager[str]]


def test_every_function_is_denied(
    tx: Conn, acting_as: ActingAs, every_call: dict[str, str]
) -> None:
    assert len(every_call) > 40
    with acting_as(""):
        for call in every_call.values():
            with denied(tx):
                tx.execute(call.encode())


def test_every_table_is_denied(tx: Conn, acting_as: ActingAs, tables: list[str]) -> None:
    assert len(tables) > 10
    with acting_as(""):
        for table in tables:
            for statement in (
                f"select 1 from pgflow.{table}",
                f"insert into pgflow.{table} default values",
                f"delete from pgflow.{table}",
                f"truncate pgflow.{table}",
            ):
                with denied(tx):
                    tx.execute(statement.encode())


def test_nothing_can_be_created_in_the_schema(tx: Conn, acting_as: ActingAs) -> None:
    for role in ("", "pgflow_client", "pgflow_worker", "pgflow_viewer", "pgflow_admin"):
        with acting_as(role), denied(tx):
            tx.execute("create function pgflow.mine() returns int language sql return 1")


def test_login_of_an_ordinary_role_is_denied_too(conn: Conn, url_for: UrlFor) -> None:
    a_claimed_task(conn)
    with psycopg.connect(url_for(""), autocommit=True) as nobody:
        for statement in ("select pgflow.list_runs()", "select * from pgflow.runs"):
            with denied(nobody):
                nobody.execute(statement.encode())
