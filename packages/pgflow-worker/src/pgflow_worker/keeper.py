"""Keep what the worker holds: a thread that no handler can stop.

It has its own connection and asks nothing of the event loop, so a handler that blocks the loop for
minutes costs no lease. (Code that holds the GIL all that time, which only C extensions can, does
stop it; then the leases expire, and the tasks run elsewhere.) It extends leases, says that the
worker lives, lets the engine sweep, and listens for work.
"""

import contextlib
import math
import random
import selectors
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from time import monotonic
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from pgflow_manifest import PgflowError
from pgflow_worker import calls, errors
from pgflow_worker.backoff import Backoff
from pgflow_worker.config import WorkerConfig
from pgflow_worker.connections import Connection, connect
from pgflow_worker.lease import Lease, StopReason
from pgflow_worker.link import first_line
from pgflow_worker.logs import logger
from pgflow_worker.signals import Signals

LISTEN: Final = sql.SQL("listen {}").format(sql.Identifier(calls.WORK_CHANNEL))

TIMER_MARGIN: Final = 0.01
"""Seconds after a timer is due: sweeping a moment too early would be one time too many."""

CLOSING: Final = 0.5
"""Seconds that the thread has to end."""


class Keeper:
    """Extends leases, beats, sweeps and listens, until it is closed.

    Args:
        leases: what the worker holds, by lease id; only read here.
        on_work: called when somebody said that there is work; must be safe from any thread.
        on_lost: called with leases that are lost; must be safe from any thread.
        register: announces the worker again, on the connection given.
    """

    def __init__(
        self,
        config: WorkerConfig,
        worker_id: UUID,
        leases: Mapping[bytes, Lease],
        *,
        on_work: Callable[[], None],
        on_lost: Callable[[list[Lease]], None],
        register: Callable[[Connection], object],
        signals: Signals,
    ) -> None:
        self._config = config
        self._worker_id = worker_id
        self._leases = leases
        self._on_work = on_work
        self._on_lost = on_lost
        self._register = register
        self._signals = signals
        self._closing = threading.Event()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="pgflow-keeper", daemon=True)
        self._extend_at = 0.0
        self._beat_at = 0.0
        self._sweep_at = 0.0
        self._timer_told = False

    def start(self) -> None:
        """Begin; the first beat and sweep come at once."""
        self._thread.start()

    def close(self) -> None:
        """End the thread, and wait for it a moment: a database that hangs may hold it for long."""
        self._closing.set()
        self._wake_sender.send(b"x")
        self._thread.join(CLOSING)
        if not self._thread.is_alive():
            self._wake_sender.close()
            self._wake_receiver.close()

    def _run(self) -> None:
        backoff = Backoff(0.05, 5.0, jitter=0.5)
        lost = False
        while not self._closing.is_set():
            try:
                with connect(self._config, "keeper") as conn:
                    conn.add_notify_handler(lambda note: self._told(note.payload))
                    conn.execute(LISTEN)
                    if lost:
                        lost = False
                        logger.info("the keeper's connection is back")
                        self._signals.reconnected.fire("keeper")
                    self._on_work()
                    self._serve(conn, backoff)
            except (psycopg.Error, OSError) as error:
                if not lost:
                    lost = True
                    logger.warning(
                        "no lease is extended until the keeper's connection is back (%s)",
                        first_line(error),
                    )
                    self._signals.disconnected.fire("keeper")
                self._closing.wait(backoff.next())
            except PgflowError as error:
                logger.error("the worker cannot be registered again: %s", error)
                self._closing.wait(self._config.beat)
            except Exception:
                # Whatever it is: without this thread every lease would be lost.
                logger.exception("the keeper stumbled; it goes on")
                self._closing.wait(1.0)

    def _serve(self, conn: Connection, backoff: Backoff) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(conn, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            self._keep(conn, selector, backoff)

    def _keep(self, conn: Connection, selector: selectors.BaseSelector, backoff: Backoff) -> None:
        while not self._closing.is_set():
            now = monotonic()
            if now >= self._extend_at:
                self._extend(conn, now)
                self._extend_at = now + self._config.extend_every / 2
            self._beat_if_due(conn)
            if now >= self._sweep_at or self._timer_told:
                self._timer_told = False
                next_timer = self._sweep(conn)
                # Workers that started together must not sweep together.
                spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, no secret
                self._sweep_at = now + min(self._config.sweep_every * spread, next_timer)
            backoff.reset()
            due = min(self._extend_at, self._beat_at, self._sweep_at)
            if self._timer_told:
                continue
            if selector.select(max(due - monotonic(), 0.0)):
                # Nothing but notifications comes between two calls.
                conn.pgconn.consume_input()
                while (told := conn.pgconn.notifies()) is not None:
                    self._told(told.extra.decode())

    def _told(self, payload: str) -> None:
        if payload == calls.TIMER:
            self._timer_told = True
        else:
            self._on_work()

    def _beat_if_due(self, conn: Connection) -> None:
        now = monotonic()
        if now < self._beat_at:
            return
        try:
            calls.beat(conn, self._worker_id)
        except psycopg.Error as error:
            if errors.is_worker_unknown(error):
                self._revive(conn)
            elif not errors.is_lock_timeout(error):
                raise
        self._beat_at = now + self._config.beat

    def _revive(self, conn: Connection) -> None:
        if self._closing.is_set():
            return  # it has said goodbye
        logger.warning("the engine declared this worker dead; registering again")
        self._register(conn)

    def _sweep(self, conn: Connection) -> float:
        """Return in how many seconds to sweep again, if something has to happen then."""
        with _passing(conn):
            found = calls.sweep(conn)
            if found.expired or found.dead_workers:
                logger.warning(
                    "expired %d leases of others; %d workers are dead",
                    found.expired,
                    found.dead_workers,
                )
            if found.next_timer_seconds is not None:
                return found.next_timer_seconds + TIMER_MARGIN
        return math.inf

    def _extend(self, conn: Connection, now: float) -> None:
        # A copy made in one step, because the loop adds and removes leases meanwhile.
        due = [
            lease
            for lease in list(self._leases.values())
            if lease.extend_at <= now and lease.stop_reason is not StopReason.LOST
        ]
        due.sort(key=_run_of)
        parts = [due] if due else []
        while parts:
            part = parts.pop()
            self._beat_if_due(conn)
            try:
                lost = calls.extend_leases(conn, part, self._config.lease)
            except psycopg.Error as error:
                if not errors.is_lock_timeout(error):
                    raise
                # Somebody holds one of the runs locked: the others must not wait for it.
                if _run_of(part[0]) != _run_of(part[-1]):
                    middle = len(part) // 2
                    parts += [part[:middle], part[middle:]]
                continue
            for lease in part:
                lease.extend_at = now + self._config.extend_every
            self._signals.extended.fire(len(part) - len(lost))
            lost = [lease for lease in lost if not lease.ended]
            for lease in lost:
                # At once, and not by the loop, which a handler may be blocking.
                lease.stop(StopReason.LOST)
            if lost:
                self._on_lost(lost)


def _run_of(lease: Lease) -> bytes:
    return lease.task.run_id


@contextlib.contextmanager
def _passing(conn: Connection) -> Generator[None]:
    """Let a sweep fail: the next one, or that of another worker, does the same."""
    try:
        yield
    except psycopg.Error as error:
        if conn.closed:
            raise
        logger.debug("the sweep failed (%s)", first_line(error))
