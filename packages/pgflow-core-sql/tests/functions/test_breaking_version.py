"""breaking_version: the migration that an older worker or client must not work with."""

from typing import Any

import psycopg
from tests.support.builders import scalar

Conn = psycopg.Connection[Any]


def test_only_the_highest_breaking_migration_counts(tx: Conn) -> None:
    assert scalar(tx, "select pgflow.breaking_version()") == 0
    tx.execute(
        "insert into pgflow.migrations (number, name, phase, breaking) values"
        " (900, 'a', 'before-deploy', true), (901, 'b', 'after-deploy', true),"
        " (902, 'c', 'before-deploy', false)"
    )
    assert scalar(tx, "select pgflow.breaking_version()") == 901
