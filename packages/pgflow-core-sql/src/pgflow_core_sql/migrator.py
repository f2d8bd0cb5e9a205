"""Bring the pgflow schema of a database up to date."""

from typing import Any

import psycopg
from psycopg.rows import scalar_row

from pgflow_core_sql.migrations import migrations
from pgflow_manifest import SchemaTooNewError

# Any number will do, as long as every version of pgflow takes the same one.
_LOCK = 7_369_710_842


def migrate(conn: psycopg.Connection[Any]) -> int:
    """Apply the migrations that the database does not have yet, each in its own transaction.

    Any number of processes may call this at once: they take turns, and the later ones find nothing
    left to do. A migration that fails leaves nothing behind.

    Args:
        conn: outside of any transaction; its role must be allowed to create a schema and roles.

    Returns:
        How many migrations were applied.

    Raises:
        SchemaTooNewError: the database has a breaking migration that this package does not know.
    """
    applied = 0
    for migration in migrations():
        with conn.transaction():
            conn.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            version = schema_version(conn) or 0
            _require_known(conn, version)
            if version < migration.number:
                conn.execute(migration.sql.encode())
                applied += 1
    return applied


def schema_version(conn: psycopg.Connection[Any]) -> int | None:
    """Return the number of the last migration that the database has, None for no pgflow at all."""
    if _scalar(conn, "select to_regclass('pgflow.migrations')::text") is None:
        return None
    version: int | None = _scalar(conn, "select pgflow.schema_version()")
    return version


def _require_known(conn: psycopg.Connection[Any], version: int) -> None:
    newest = len(migrations())
    if version <= newest:
        return
    breaking: int = _scalar(conn, "select pgflow.breaking_version()") or 0
    if breaking > newest:
        raise SchemaTooNewError(
            f"the database has migration {breaking}, which changes what this pgflow relies on; "
            f"it knows migrations up to {newest}",
            hint="upgrade pgflow",
            details={"breaking": breaking, "known": newest},
        )


def _scalar(conn: psycopg.Connection[Any], query: str) -> Any:
    with conn.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query.encode()).fetchone()
