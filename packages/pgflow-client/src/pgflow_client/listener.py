"""One connection that LISTENs for all waits of a client, in a thread of its own.

It begins with the first wait and ends when nobody has waited for a while, so a client that never
waits has neither the thread nor the connection. Being without it is never an error: whoever waits
polls as well. Both shells use it; the asynchronous one hands the call over to its event loop.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Final

import psycopg
from psycopg import sql

_LINGER: Final = 10.0
_LONGEST_BACK_OFF: Final = 5.0

OnNotify = Callable[[bool], None]
"""Called when a run may have changed: True for a notification, False when LISTEN has begun."""


class Listener:
    """Calls back when a channel is notified, and once when listening on it has begun."""

    def __init__(self, connect: Callable[[], psycopg.Connection]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._wanted: dict[str, list[OnNotify]] = {}
        self._thread: threading.Thread | None = None
        self._waker: socket.socket | None = None
        self._closed = False

    def subscribe(self, channel: str, on_notify: OnNotify) -> None:
        """Call *on_notify*, in another thread, for whatever happens on *channel*."""
        with self._lock:
            if self._closed:
                return
            self._wanted.setdefault(channel, []).append(on_notify)
            if self._thread is None:
                reader, self._waker = socket.socketpair()
                self._waker.setblocking(False)
                self._thread = threading.Thread(
                    target=self._run, args=(reader,), name="pgflow-listener", daemon=True
                )
                self._thread.start()
            self._wake()

    def unsubscribe(self, channel: str, on_notify: OnNotify) -> None:
        """Stop what `subscribe` began."""
        with self._lock:
            subscribers = self._wanted.get(channel, [])
            with contextlib.suppress(ValueError):
                subscribers.remove(on_notify)
            if not subscribers:
                self._wanted.pop(channel, None)
            self._wake()

    def close(self) -> None:
        """End the thread and its connection."""
        with self._lock:
            self._closed = True
            self._wanted.clear()
            thread = self._thread
            self._wake()
        if thread is not None:
            thread.join()

    def _wake(self) -> None:
        if self._waker is not None:
            # A full buffer wakes the thread just as well.
            with contextlib.suppress(BlockingIOError):
                self._waker.send(b"\0")

    def _run(self, reader: socket.socket) -> None:
        back_off = 0.1
        with reader:
            while not self._ends():
                try:
                    with self._connect() as conn:
                        back_off = 0.1
                        self._listen(conn, reader)
                except (psycopg.Error, OSError):
                    _pause(reader, back_off)
                    back_off = min(back_off * 2, _LONGEST_BACK_OFF)

    def _ends(self) -> bool:
        """Whether nobody needs the thread; from then on `subscribe` begins another one."""
        with self._lock:
            if self._wanted:
                return False
            self._thread = None
            if self._waker is not None:
                self._waker.close()
                self._waker = None
            return True

    def _listen(self, conn: psycopg.Connection, reader: socket.socket) -> None:
        conn.add_notify_handler(lambda notify: self._tell(notify.channel, notified=True))
        listened: set[str] = set()
        with selectors.DefaultSelector() as selector:
            selector.register(reader, selectors.EVENT_READ)
            selector.register(conn.fileno(), selectors.EVENT_READ)
            while True:
                with self._lock:
                    wanted = set(self._wanted)
                for channel in listened - wanted:
                    conn.execute(sql.SQL("unlisten {}").format(sql.Identifier(channel)))
                for channel in wanted - listened:
                    conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
                    self._tell(channel, notified=False)
                listened = wanted
                self._receive(conn)
                ready = selector.select(None if wanted else _LINGER)
                if not ready or self._closed:
                    return
                if any(key.fileobj is reader for key, _ in ready):
                    reader.recv(4096)

    def _receive(self, conn: psycopg.Connection) -> None:
        conn.pgconn.consume_input()
        while (notify := conn.pgconn.notifies()) is not None:
            self._tell(notify.relname.decode(), notified=True)
        if conn.pgconn.status == psycopg.pq.ConnStatus.BAD:
            raise psycopg.OperationalError("the connection was lost")

    def _tell(self, channel: str, *, notified: bool) -> None:
        with self._lock:
            subscribers = list(self._wanted.get(channel, ()))
        for on_notify in subscribers:
            on_notify(notified)


def _pause(reader: socket.socket, seconds: float) -> None:
    reader.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        reader.recv(4096)
    reader.settimeout(None)
