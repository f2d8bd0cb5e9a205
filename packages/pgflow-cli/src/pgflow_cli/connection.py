"""Find the database and connect to it; what goes wrong is told without the password."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from pgflow_cli import exit_codes
from pgflow_cli.errors import CommandError
from pgflow_cli.masking import mask
from pgflow_manifest import URL_VARIABLES

DEV_DIRECTORY: Final = Path(".pgflow")
"""Where `pgflow dev` keeps its database, below the working directory."""

DEV_FILE: Final = DEV_DIRECTORY / "dev.json"
"""Written by `pgflow dev` while it runs, so that other commands find its database."""

_CONNECT_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database to work on, and who named it."""

    url: str
    origin: str

    def __str__(self) -> str:
        return f"{mask(self.url)} ({self.origin})"

    def __repr__(self) -> str:
        return f"Database({self})"


def find_database(given: str | None) -> Database:
    """Return the database that the option or the environment names, or a running `pgflow dev`.

    Raises:
        CommandError: none is named, or the text is no connection string.
    """
    found = named_database(given, URL_VARIABLES) or _dev_database()
    if found is None:
        raise CommandError(
            "no database is named",
            hint=(
                "give --database-url URL or set PGFLOW_DATABASE_URL, or leave `pgflow dev` "
                "running in this folder"
            ),
            exit_code=exit_codes.USAGE,
        )
    return found


def named_database(given: str | None, variables: tuple[str, ...]) -> Database | None:
    """Return what the option, else the first of *variables* that is set, names."""
    candidates = [("--database-url", given), *((name, os.environ.get(name)) for name in variables)]
    for origin, url in candidates:
        if url:
            return Database(url=_checked(url, origin), origin=origin)
    return None


def connect(database: Database) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect in autocommit mode, waiting at most 10 seconds unless the URL says otherwise.

    Raises:
        CommandError: the database cannot be reached, or refuses the login.
    """
    parameters = conninfo_to_dict(database.url)
    parameters.setdefault("connect_timeout", _CONNECT_SECONDS)
    parameters.setdefault("application_name", "pgflow")
    try:
        return psycopg.connect(make_conninfo("", **parameters), autocommit=True)
    except psycopg.Error as error:
        # libpq's question whether the server runs says less than the hint below.
        lines = [line for line in str(error).splitlines() if not line.startswith("\tIs the server")]
        reason = mask(" ".join(" ".join(lines).split()), database.url)
        raise CommandError(
            f"cannot connect to {database}: {reason}",
            hint="check that it runs and that host, port, user and password are right",
            exit_code=exit_codes.UNREACHABLE,
        ) from None


def call(
    conn: psycopg.Connection[tuple[Any, ...]],
    query: LiteralString,
    parameters: Mapping[str, object] | None = None,
) -> list[dict[str, Any]]:
    """Run *query* and return its rows by column name.

    Errors pass as psycopg raised them: `failures.py` knows what each SQLSTATE means.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _checked(url: str, origin: str) -> str:
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message repeats the string with its password.
        raise CommandError(
            f"{origin} is no PostgreSQL connection string: {mask(url)}",
            hint="write it as postgresql://USER@HOST:PORT/DATABASE, odd characters percent-encoded",
            exit_code=exit_codes.USAGE,
        ) from None
    return url


def _dev_database() -> Database | None:
    try:
        told: dict[str, Any] = json.loads(DEV_FILE.read_text())
        os.kill(int(told["pid"]), 0)
        return Database(url=str(told["url"]), origin="pgflow dev")
    except (OSError, ValueError, LookupError):
        return None
