"""What can go wrong at a client besides the refusals of the engine, and how those are told.

PgflowError (pgflow_manifest)
|- DatabaseUrlError            no database named, or not a connection string
|- DatabaseUnreachableError    no connection, or it was lost on the way
|- ClientClosedError           used after `close`
|- InsideTransactionError      waiting inside a transaction would never end
|- WaitTimeoutError            the run had not ended when the time was up
|- RunNotCompletedError        there is no output or result to give
   |- RunFailedError  RunCancelledError  StepNotCompletedError
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pgflow_manifest import PgflowError, SchemaVersionError, error_from_sqlstate

if TYPE_CHECKING:
    import psycopg

_SCHEMA_IS_MISSING = frozenset({"3F000", "42883"})


class DatabaseUrlError(PgflowError, ValueError):
    """The database is not named, or not in a way that Postgres understands."""


class DatabaseUnreachableError(PgflowError, ConnectionError):
    """The database could not be reached, or the connection to it was lost."""

    def __init__(self, message: str, *, hint: str, was_reachable: bool) -> None:
        super().__init__(message, hint=hint)
        self.was_reachable = was_reachable
        """Whether this client had been connected before, so that trying again may help."""


class ClientClosedError(PgflowError):
    """The client has been closed."""


class InsideTransactionError(PgflowError):
    """Waiting inside an open transaction would never end."""


class WaitTimeoutError(PgflowError, TimeoutError):
    """The run had not ended when the time was up."""


class RunNotCompletedError(PgflowError):
    """The run has no output, because it has not completed."""


class RunFailedError(RunNotCompletedError):
    """The run failed."""


class RunCancelledError(RunNotCompletedError):
    """The run was cancelled."""


class StepNotCompletedError(RunNotCompletedError):
    """The step has no result, because it has not completed."""


def engine_error(error: "psycopg.Error") -> PgflowError | None:
    """Return what *error* means in pgflow's words, or None when it is not about pgflow."""
    message = error.diag.message_primary or str(error)
    if error.sqlstate in _SCHEMA_IS_MISSING and "pgflow" in message:
        return SchemaVersionError(
            f"the database has no pgflow schema that this client can use ({message})",
            hint="run `pgflow migrate` against this database",
        )
    return error_from_sqlstate(
        error.sqlstate,
        message,
        hint=error.diag.message_hint,
        details=_details(error.diag.message_detail),
    )


def _details(text: str | None) -> Mapping[str, Any]:
    if not text:
        return {}
    try:
        parsed: object = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        return cast("dict[str, Any]", parsed)
    return {"detail": text}
