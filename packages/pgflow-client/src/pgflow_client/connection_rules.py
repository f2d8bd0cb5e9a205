"""How the sessions treat connections, whether they wait for them or await them. No I/O."""

from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from pgflow_client.calls import Call
from pgflow_client.errors import DatabaseUnreachableError, InsideTransactionError
from pgflow_manifest import mask_secrets

_SERVER_IS_GOING = frozenset({"57P01", "57P02", "57P03"})
_CONNECT_TIMEOUT: Final = 10


def own_conninfo(url: str) -> str:
    """Return *url* with what a connection of our own adds where it says nothing itself."""
    given = conninfo_to_dict(url)
    return make_conninfo(
        url,
        application_name=given.get("application_name") or "pgflow-client",
        connect_timeout=given.get("connect_timeout") or _CONNECT_TIMEOUT,
    )


def twin_conninfo(info: psycopg.ConnectionInfo) -> str:
    """Return how to connect to the same database as the caller's connection did."""
    return own_conninfo(make_conninfo(info.dsn, password=info.password or None))


def looks_alive(conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether an idle connection is still there, as far as can be known without asking."""
    if conn.closed:
        return False
    try:
        # The first reads the farewell of a server that went away, the second finds that it did.
        # Neither blocks.
        conn.pgconn.consume_input()
        conn.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return not conn.closed


def is_loss(
    error: psycopg.Error, conn: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]
) -> bool:
    """Whether *error* means that the connection is gone, rather than that the call was refused."""
    if conn.closed:
        return True
    state = error.sqlstate
    if not isinstance(error, psycopg.OperationalError) or state is None:
        return False
    return state in _SERVER_IS_GOING or state.startswith("08")


def connecting_failed(
    url: str, error: psycopg.Error, *, was_reachable: bool
) -> DatabaseUnreachableError:
    """Build the error for a connection that could not be made."""
    return DatabaseUnreachableError(
        f"cannot connect to {mask_secrets(url)}: {mask_secrets(str(error)).strip()}",
        hint="check that the server runs and that host, port, user and password are right",
        was_reachable=was_reachable,
    )


def connection_lost(url: str, call: Call[Any]) -> DatabaseUnreachableError:
    """Build the error for a connection that broke while *call* was under way."""
    if call.repeatable:
        hint = "try again"
    else:
        hint = (
            "it may have been done or not; to be sure, start with a run_id and, if in doubt, again"
        )
    return DatabaseUnreachableError(
        f"the connection to {mask_secrets(url)} was lost during {call.name}",
        hint=hint,
        was_reachable=True,
    )


def check_outside_transaction(status: TransactionStatus) -> None:
    """Refuse to wait while the caller's transaction is open.

    Raises:
        InsideTransactionError: with what to do.
    """
    if status is not TransactionStatus.IDLE:
        raise InsideTransactionError(
            "waiting for a run inside an open transaction would never end: workers see the run "
            "only after the commit",
            hint="commit first, or wait with a Client that has a connection of its own",
        )
