"""What a client does with connections: run calls, and follow a run. The twin is link_async.py.

Apart from client.py, so that a process which only names `Client` does not load psycopg.
"""

import threading
from collections.abc import Iterator
from typing import TypeVar, cast
from uuid import UUID

import psycopg

from pgflow_client import calls
from pgflow_client.calls import Call
from pgflow_client.errors import DatabaseUnreachableError, DatabaseUrlError
from pgflow_client.listener import Listener
from pgflow_client.run import RunSnapshot
from pgflow_client.session import CallersSession, OwnSession, Session
from pgflow_client.url import database_url
from pgflow_client.wait import Ask, Emit, Listen, follow

AnswerT = TypeVar("AnswerT")


class Link:
    """The connections of one client: the one for its calls, and the one that listens."""

    def __init__(self, url_or_connection: object) -> None:
        """Connect nothing yet.

        Raises:
            DatabaseUrlError: no database is named, or not in a way that Postgres understands.
        """
        self._session = _session_for(url_or_connection)
        self._listener = Listener(self._session.connect_twin)

    def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call*, within the caller's transaction where there is one."""
        return self._session.execute(call)

    def close(self) -> None:
        """Close the connections that are ours."""
        self._listener.close()
        self._session.close()

    def follow(self, run_id: UUID | str, timeout: float | None) -> Iterator[RunSnapshot]:
        """Yield the run whenever it has changed, until it has ended."""
        signal = _Signal()
        channel: str | None = None
        needs = follow(calls.as_run_id(run_id), timeout=timeout)
        try:
            need = next(needs, None)
            while need is not None:
                answer: object = None
                if isinstance(need, Ask):
                    try:
                        answer = self._session.execute_alone(need.call)
                    except DatabaseUnreachableError as error:
                        need = needs.throw(error)
                        continue
                elif isinstance(need, Emit):
                    yield need.snapshot
                elif isinstance(need, Listen):
                    if channel is None:
                        channel = need.channel
                        self._listener.subscribe(channel, signal.set)
                else:
                    answer = signal.wait(need.seconds)
                try:
                    need = needs.send(answer)
                except StopIteration:
                    return
        finally:
            if channel is not None:
                self._listener.unsubscribe(channel, signal.set)


class _Signal:
    """Wakes the thread that waits; remembers whether it was by a notification."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._notified = False

    def set(self, notified: bool) -> None:
        self._notified = self._notified or notified
        self._event.set()

    def wait(self, seconds: float) -> bool:
        self._event.wait(seconds)
        self._event.clear()
        notified, self._notified = self._notified, False
        return notified


def _session_for(given: object) -> Session:
    if isinstance(given, psycopg.Connection):
        return CallersSession(cast("psycopg.Connection", given))
    if given is None or isinstance(given, str):
        return OwnSession(database_url(given))
    raise DatabaseUrlError(
        f"a Client takes a URL or a psycopg.Connection, not {type(given).__name__}",
        hint="an AsyncConnection goes to AsyncClient",
    )
