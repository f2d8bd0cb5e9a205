"""schema_version: what workers and clients compare with what they know."""

from typing import Any

import psycopg
from tests.support.builders import scalar

import pgflow_core_sql

Conn = psycopg.Connection[Any]


def test_version_is_the_number_of_the_last_migration(tx: Conn) -> None:
    newest = pgflow_core_sql.migrations()[-1].number
    assert scalar(tx, "select pgflow.schema_version()") == newest
    assert pgflow_core_sql.schema_version(tx) == newest


def test_version_grows_with_a_migration(tx: Conn) -> None:
    tx.execute(
        "insert into pgflow.migrations (number, name, phase, breaking)"
        " values (900, 'later', 'after-deploy', false)"
    )
    assert scalar(tx, "select pgflow.schema_version()") == 900
