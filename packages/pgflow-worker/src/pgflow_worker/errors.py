"""Tell database errors apart: what to raise, what to wait out, what to cut out of a batch."""

import json
from typing import Any, Final, cast

import psycopg

from pgflow_manifest import PgflowError, error_from_sqlstate


class UsageError(PgflowError, ValueError):
    """The worker was started with options that it cannot follow."""


class DatabaseUnreachableError(PgflowError, ConnectionError):
    """The database could not be reached."""


WORKER_NOT_FOUND: Final = "PF104"

_LOCK_NOT_AVAILABLE: Final = "55P03"
_QUERY_CANCELED: Final = "57014"

_TRY_AGAIN: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the same transaction may succeed the next time."""

_REFUSED_CLASSES: Final = frozenset({"22", "23", "54"})
_REFUSED: Final = frozenset({"53200", "PF208", "XX000"})
"""Codes that one value of a batch can cause: not a jsonb, against a constraint, over a limit, and
the two that Postgres gives for an allocation of more than 1 GB."""


def engine_error(error: psycopg.Error) -> PgflowError | None:
    """Build pgflow's exception for a database error; None when it is not one of pgflow's."""
    diag = error.diag
    details: dict[str, Any] = {}
    if diag.message_detail:
        try:
            parsed = json.loads(diag.message_detail)
        except ValueError:
            parsed = {"detail": diag.message_detail}
        details = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {"detail": parsed}
    message = diag.message_primary or str(error)
    return error_from_sqlstate(error.sqlstate, message, hint=diag.message_hint, details=details)


def is_refused_value(error: psycopg.Error) -> bool:
    """Whether one item of the batch may be what the database will never take."""
    state = error.sqlstate
    return state is not None and (state[:2] in _REFUSED_CLASSES or state in _REFUSED)


def is_lock_timeout(error: psycopg.Error) -> bool:
    """Whether somebody else held a lock for too long, such as a run in an open transaction.

    Or the whole call took too long for the `statement_timeout` of the role: less at once may not.
    """
    return error.sqlstate in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED)


def is_worth_repeating(error: psycopg.Error) -> bool:
    """Whether the same transaction may succeed at once."""
    return error.sqlstate in _TRY_AGAIN


def is_worker_unknown(error: psycopg.Error) -> bool:
    """Whether the engine does not count on this worker any more: it must register again."""
    return error.sqlstate == WORKER_NOT_FOUND


def is_hopeless_connect(error: psycopg.Error) -> bool:
    """Whether a server answered and refused, so that trying again soon is of no use.

    libpq gives no SQLSTATE for a refused connection, only the server's `FATAL:` line.
    """
    text = str(error)
    if "FATAL:" not in text:
        return False
    passing = ("starting up", "shutting down", "recovery", "too many", "connection slots")
    return not any(word in text for word in passing)
