"""The exchange's connection: always there, or on its way back."""

import asyncio
from time import monotonic

import psycopg

from pgflow_manifest import mask_secrets
from pgflow_worker.backoff import Backoff
from pgflow_worker.config import WorkerConfig
from pgflow_worker.connections import AsyncConnection, connect_async
from pgflow_worker.logs import logger
from pgflow_worker.masking import describe_database
from pgflow_worker.signals import Signals

READ_ONLY: str = "25006"
"""A server that was primary and is not any more: connect again, to find the new one."""


class Link:
    """Gives the connection, and brings it back when it is lost."""

    def __init__(self, config: WorkerConfig, signals: Signals) -> None:
        self._config = config
        self._signals = signals
        self._conn: AsyncConnection | None = None
        self._lost_at: float | None = None

    async def get(self) -> AsyncConnection:
        """Return a connection; waits for as long as the database is away."""
        if self._conn is not None:
            return self._conn
        backoff = Backoff(0.05, 10.0, jitter=0.5)
        while True:
            try:
                self._conn = await connect_async(self._config, "exchange")
            except psycopg.Error as error:
                self._lost_at = self._lost_at or monotonic()
                delay = backoff.next()
                logger.warning(
                    "waiting for the database %s (%s); next try in %.1f s",
                    describe_database(self._config.database_url),
                    first_line(error),
                    delay,
                )
                await asyncio.sleep(delay)
            else:
                break
        if self._lost_at is not None:
            logger.info("the database is back after %.1f s", monotonic() - self._lost_at)
            self._lost_at = None
            self._signals.reconnected.fire("exchange")
        return self._conn

    async def drop_if_broken(self, error: psycopg.Error) -> bool:
        """Close the connection if *error* says that it is of no use; return whether it was."""
        conn = self._conn
        if conn is None or not (conn.closed or conn.broken or error.sqlstate == READ_ONLY):
            return conn is None
        logger.warning("the connection to the database is lost (%s)", first_line(error))
        self._conn = None
        self._lost_at = monotonic()
        self._signals.disconnected.fire("exchange")
        await conn.close()
        return True

    async def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            await self._conn.close()
            self._conn = None


def first_line(error: BaseException) -> str:
    """Return what an error says, on one line and without passwords."""
    text = str(error).strip() or type(error).__name__
    return mask_secrets(text.splitlines()[0])
