"""Put two sessions into a certain order: wait until one really waits for the other's lock."""

import time
from typing import Final

from psycopg import Connection

_POLL_SECONDS: Final = 0.002


def backend_pid(conn: Connection) -> int:
    """Return the process id of the server process behind *conn*."""
    return conn.info.backend_pid


def wait_until_blocked(conn: Connection, pid: int, *, seconds: float = 10.0) -> None:
    """Return once the server process *pid* waits for a lock that another session holds.

    *conn* is a third session that looks on; it must not be the blocked one.

    Raises:
        TimeoutError: it was not blocked within *seconds*; tells what it was doing instead.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        row = conn.execute("select cardinality(pg_blocking_pids(%s)) > 0", (pid,)).fetchone()
        if row is not None and row[0]:
            return
        time.sleep(_POLL_SECONDS)
    doing = conn.execute(
        "select state, wait_event_type, wait_event, query from pg_stat_activity where pid = %s",
        (pid,),
    ).fetchone()
    raise TimeoutError(f"session {pid} was not blocked within {seconds} s; it is: {doing}")
