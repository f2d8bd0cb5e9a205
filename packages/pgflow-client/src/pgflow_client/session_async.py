"""Run calls on an asynchronous connection of our own, or on the caller's without changing it.

The twin is session.py; test_parity.py keeps the two alike.
"""

import asyncio
from contextlib import nullcontext
from typing import Any, Protocol, TypeVar

import psycopg
from psycopg.rows import tuple_row

from pgflow_client.calls import Call
from pgflow_client.connection_rules import (
    check_outside_transaction,
    connecting_failed,
    connection_lost,
    is_loss,
    looks_alive,
    own_conninfo,
    twin_conninfo,
)
from pgflow_client.errors import ClientClosedError, DatabaseUnreachableError, engine_error

AnswerT = TypeVar("AnswerT")


class AsyncSession(Protocol):
    """What the client needs of a connection."""

    async def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call*, within the caller's transaction where there is one."""
        ...

    async def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* so that it is committed when this returns; refuse inside a transaction."""
        ...

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database, for a thread."""
        ...

    async def close(self) -> None:
        """Close what is ours."""
        ...


async def _execute(conn: psycopg.AsyncConnection[Any], call: Call[AnswerT]) -> AnswerT:
    # A cursor class and row factory of our own: the caller's may speak another dialect. Nothing is
    # prepared, which would outlive the call and break behind a pooler.
    async with psycopg.AsyncCursor(conn, row_factory=tuple_row) as cursor:
        row = await (
            await cursor.execute(call.sql, call.params, prepare=False, binary=True)
        ).fetchone()
    assert row is not None
    return call.parse(row[0])


class OwnAsyncSession:
    """A connection of our own: opened when needed, opened anew when it broke, task-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._conn: psycopg.AsyncConnection | None = None
        self._was_reachable = False
        self._closed = False

    async def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* and commit it."""
        async with self._lock:
            try:
                return await self._execute_once(call)
            except DatabaseUnreachableError:
                if not (call.repeatable and self._was_reachable):
                    raise
                return await self._execute_once(call)

    async def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* and commit it."""
        return await self.execute(call)

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database, for a thread."""
        return psycopg.connect(own_conninfo(self._url), autocommit=True, prepare_threshold=None)

    async def close(self) -> None:
        """Close the connection; later calls are refused."""
        async with self._lock:
            self._closed = True
            if self._conn is not None:
                await self._conn.close()

    async def _execute_once(self, call: Call[AnswerT]) -> AnswerT:
        conn = await self._usable()
        try:
            return await _execute(conn, call)
        except psycopg.Error as error:
            if is_loss(error, conn):
                await conn.close()
                raise connection_lost(self._url, call) from error
            if (known := engine_error(error)) is not None:
                raise known from error
            raise

    async def _usable(self) -> psycopg.AsyncConnection:
        if self._closed:
            raise ClientClosedError(hint="use it inside its `with` block, or make another one")
        if self._conn is not None and not looks_alive(self._conn):
            await self._conn.close()
            self._conn = None
        if self._conn is None:
            try:
                self._conn = await psycopg.AsyncConnection.connect(
                    own_conninfo(self._url), autocommit=True, prepare_threshold=None
                )
            except psycopg.Error as error:
                raise connecting_failed(
                    self._url, error, was_reachable=self._was_reachable
                ) from error
            self._was_reachable = True
        return self._conn


class CallersAsyncSession:
    """The caller's connection: his transaction, his settings, never closed by us."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self._conn = conn

    async def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* in the caller's transaction; committing it is his business."""
        try:
            return await _execute(self._conn, call)
        except psycopg.Error as error:
            if (known := engine_error(error)) is not None:
                raise known from error
            raise

    async def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* in a transaction of its own; refused when the caller's is open."""
        check_outside_transaction(self._conn.info.transaction_status)
        async with nullcontext() if self._conn.autocommit else self._conn.transaction():
            return await self.execute(call)

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database, for a thread."""
        return psycopg.connect(twin_conninfo(self._conn.info), autocommit=True)

    async def close(self) -> None:
        """Leave the connection to the caller."""
