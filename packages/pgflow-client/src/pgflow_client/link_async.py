"""What a client does with connections, for asyncio. The twin is link.py.

Apart from client_async.py, so that a process which only names `AsyncClient` loads neither asyncio
nor psycopg.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar, cast
from uuid import UUID

import psycopg

from pgflow_client import calls
from pgflow_client.calls import Call
from pgflow_client.errors import DatabaseUnreachableError, DatabaseUrlError
from pgflow_client.listener import Listener
from pgflow_client.run import RunSnapshot
from pgflow_client.session_async import AsyncSession, CallersAsyncSession, OwnAsyncSession
from pgflow_client.url import database_url
from pgflow_client.wait import Ask, Emit, Listen, follow

AnswerT = TypeVar("AnswerT")


class AsyncLink:
    """The connections of one client: the one for its calls, and the one that listens."""

    def __init__(self, url_or_connection: object) -> None:
        """Connect nothing yet.

        Raises:
            DatabaseUrlError: no database is named, or not in a way that Postgres understands.
        """
        self._session = _session_for(url_or_connection)
        self._listener = Listener(self._session.connect_twin)

    async def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call*, within the caller's transaction where there is one."""
        return await self._session.execute(call)

    async def close(self) -> None:
        """Close the connections that are ours."""
        await asyncio.to_thread(self._listener.close)
        await self._session.close()

    async def follow(
        self,
        run_id: UUID | str,
        timeout: float | None,  # noqa: ASYNC109
    ) -> AsyncIterator[RunSnapshot]:
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
                        answer = await self._session.execute_alone(need.call)
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
                    answer = await signal.wait(need.seconds)
                try:
                    need = needs.send(answer)
                except StopIteration:
                    return
        finally:
            if channel is not None:
                self._listener.unsubscribe(channel, signal.set)


class _Signal:
    """Wakes the task that waits; remembers whether it was by a notification."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._notified = False

    def set(self, notified: bool) -> None:
        """Be called from the thread of the listener."""
        self._notified = self._notified or notified
        # The loop may have been closed without closing the client.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()
        notified, self._notified = self._notified, False
        return notified


def _session_for(given: object) -> AsyncSession:
    if isinstance(given, psycopg.AsyncConnection):
        return CallersAsyncSession(cast("psycopg.AsyncConnection", given))
    if given is None or isinstance(given, str):
        return OwnAsyncSession(database_url(given))
    raise DatabaseUrlError(
        f"an AsyncClient takes a URL or a psycopg.AsyncConnection, not {type(given).__name__}",
        hint="a psycopg.Connection goes to Client",
    )
