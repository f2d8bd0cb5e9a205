"""Prove that `schema/` and `migrations/` say the same: run as `python -m pgflow_core_sql.drift`.

Both are applied to an empty database of an embedded Postgres, and the catalogs are compared.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from pgflow_core_sql.embedded import EmbeddedPostgres
from pgflow_core_sql.migrator import migrate
from pgflow_core_sql.snapshot import differences, snapshot
from pgflow_core_sql.sources import source_script


def snapshot_of_sources(server: EmbeddedPostgres) -> dict[str, str]:
    """Apply the sources to a new database of *server* and read its catalog."""
    with _new_database(server, "from_sources") as conn:
        conn.execute(source_script().encode())
        return snapshot(conn)


def snapshot_of_migrations(server: EmbeddedPostgres) -> dict[str, str]:
    """Apply the migrations to a new database of *server* and read its catalog."""
    with _new_database(server, "from_migrations") as conn:
        migrate(conn)
        return snapshot(conn)


def _new_database(server: EmbeddedPostgres, name: str) -> psycopg.Connection[Any]:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"drop database if exists {name}".encode())
        conn.execute(f"create database {name}".encode())
    return psycopg.connect(server.url(name), autocommit=True)


def main() -> int:
    """Print every difference; return 1 when there is one."""
    with (
        tempfile.TemporaryDirectory(prefix="pgflow-drift-") as directory,
        EmbeddedPostgres(Path(directory) / "data", keep=False) as server,
    ):
        found = differences(snapshot_of_sources(server), snapshot_of_migrations(server))
    for line in found:
        sys.stderr.write(f"{line}\n")
    if found:
        sys.stderr.write("the migrations do not say what schema/ says: see CONTRIBUTING.md\n")
        return 1
    sys.stdout.write("schema/ and migrations/ agree\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
