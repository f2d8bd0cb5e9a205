"""Run calls on a connection of our own, or on the caller's without changing it.

The twin is session_async.py; test_parity.py keeps the two alike.
"""

import threading
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


class Session(Protocol):
    """What the client needs of a connection."""

    def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call*, within the caller's transaction where there is one."""
        ...

    def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* so that it is committed when this returns; refuse inside a transaction."""
        ...

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database."""
        ...

    def close(self) -> None:
        """Close what is ours."""
        ...


def _execute(conn: psycopg.Connection[Any], call: Call[AnswerT]) -> AnswerT:
    # A cursor class and row factory of our own: the caller's may speak another dialect. Nothing is
    # prepared, which would outlive the call and break behind a pooler.
    with psycopg.Cursor(conn, row_factory=tuple_row) as cursor:
        row = cursor.execute(call.sql, call.params, prepare=False, binary=True).fetchone()
    assert row is not None
    return call.parse(row[0])


class OwnSession:
    """A connection of our own: opened when needed, opened anew when it broke, thread-safe."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._conn: psycopg.Connection | None = None
        self._was_reachable = False
        self._closed = False

    def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* and commit it."""
        with self._lock:
            try:
                return self._execute_once(call)
            except DatabaseUnreachableError:
                if not (call.repeatable and self._was_reachable):
                    raise
                return self._execute_once(call)

    def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* and commit it."""
        return self.execute(call)

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database."""
        return psycopg.connect(own_conninfo(self._url), autocommit=True, prepare_threshold=None)

    def close(self) -> None:
        """Close the connection; later calls are refused."""
        with self._lock:
            self._closed = True
            if self._conn is not None:
                self._conn.close()

    def _execute_once(self, call: Call[AnswerT]) -> AnswerT:
        conn = self._usable()
        try:
            return _execute(conn, call)
        except psycopg.Error as error:
            if is_loss(error, conn):
                conn.close()
                raise connection_lost(self._url, call) from error
            if (known := engine_error(error)) is not None:
                raise known from error
            raise

    def _usable(self) -> psycopg.Connection:
        if self._closed:
            raise ClientClosedError(hint="use it inside its `with` block, or make another one")
        if self._conn is not None and not looks_alive(self._conn):
            self._conn.close()
            self._conn = None
        if self._conn is None:
            try:
                self._conn = self.connect_twin()
            except psycopg.Error as error:
                raise connecting_failed(
                    self._url, error, was_reachable=self._was_reachable
                ) from error
            self._was_reachable = True
        return self._conn


class CallersSession:
    """The caller's connection: his transaction, his settings, never closed by us."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn

    def execute(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* in the caller's transaction; committing it is his business."""
        try:
            return _execute(self._conn, call)
        except psycopg.Error as error:
            if (known := engine_error(error)) is not None:
                raise known from error
            raise

    def execute_alone(self, call: Call[AnswerT]) -> AnswerT:
        """Run *call* in a transaction of its own; refused when the caller's is open."""
        check_outside_transaction(self._conn.info.transaction_status)
        with nullcontext() if self._conn.autocommit else self._conn.transaction():
            return self.execute(call)

    def connect_twin(self) -> psycopg.Connection:
        """Open another autocommit connection to the same database."""
        return psycopg.connect(twin_conninfo(self._conn.info), autocommit=True)

    def close(self) -> None:
        """Leave the connection to the caller."""
