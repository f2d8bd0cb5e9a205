"""Tell an error as `error [PF...]: message` with its mend, and choose the exit code."""

import os
import sys

import psycopg

from pgflow_cli import exit_codes
from pgflow_cli.errors import CommandError
from pgflow_cli.masking import mask
from pgflow_cli.terminal import paint, say
from pgflow_client.errors import engine_error
from pgflow_manifest import PgflowError


def tell(error: Exception, database_url: str | None) -> int:
    """Print *error* to stderr, without any password, and return the exit code for it."""
    told: Exception = error
    if isinstance(error, psycopg.Error):
        told = engine_error(error) or _of_postgres(error)
    urls = (database_url, os.environ.get("PGFLOW_DATABASE_URL"), os.environ.get("DATABASE_URL"))
    code = told.code if isinstance(told, PgflowError) else None
    if isinstance(told, PgflowError):
        message, hint = told.message, told.hint
    elif isinstance(told, OSError):
        message, hint = f"{told.strerror or told}: {told.filename}", None
    else:
        message = f"{type(told).__name__}: {told}"
        hint = "this looks like a fault in pgflow; run it again with --debug and report it"
    label = paint(f"error [{code}]" if code else "error", "red", sys.stderr)
    say(f"{label}: {mask(message, *urls)}")
    if hint:
        say(f"  mend: {mask(hint, *urls)}")
    return told.exit_code if isinstance(told, CommandError) else _exit_code(error)


def _exit_code(error: Exception) -> int:
    lost = isinstance(error, ConnectionError) or (
        isinstance(error, psycopg.OperationalError) and error.sqlstate in (None, "57P01", "57P02")
    )
    return exit_codes.UNREACHABLE if lost else exit_codes.FAILED


def _of_postgres(error: psycopg.Error) -> PgflowError:
    """Say an error of Postgres itself, such as a lost connection or a full disk."""
    message = error.diag.message_primary or " ".join(str(error).split())
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    return CommandError(
        f"PostgreSQL: {message}{state}", hint=error.diag.message_hint, exit_code=_exit_code(error)
    )
