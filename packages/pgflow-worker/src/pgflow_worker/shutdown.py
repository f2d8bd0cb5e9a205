"""End a worker without losing anything: drain, then cancel and release, then give up.

First request: no more claims, and the running handlers may end within the grace period. Second
request, or the end of the period: the rest is cancelled and released, so that other workers run it;
a released attempt does not count.

After the grace period all of it takes at most 4.5 s, whatever the database does: with the default
grace that is less than the 30 s after which Kubernetes kills. It is the sum of `REACTION`, `FLUSH`,
`CANCEL`, and of what the keeper (0.5 s) and the goodbye (1.5 s) may take.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator
from typing import Final

from pgflow_worker.exchange import Exchange
from pgflow_worker.lease import StopReason
from pgflow_worker.logs import logger
from pgflow_worker.outcome import Released
from pgflow_worker.signals import Signals

REACTION: Final = 1.0
"""Seconds that cancelled handlers have to end before their tasks are released over their heads."""
FLUSH: Final = 1.25
"""Seconds that the last reports may take, in case the database is away."""
CANCEL: Final = 0.25
"""Seconds that the round under way has to end once it is cancelled."""


class Shutdown:
    """Runs an exchange until it is done or somebody asks it to stop."""

    def __init__(self, grace: float, signals: Signals) -> None:
        self._grace = grace
        self._signals = signals
        self._asked = asyncio.Event()
        self._asked_again = asyncio.Event()

    def request(self) -> None:
        """Ask to stop; asked again, the running handlers are cancelled at once."""
        if self._asked.is_set():
            self._asked_again.set()
        self._asked.set()

    async def supervise(self, exchange: Exchange) -> None:
        """Let *exchange* run, and end it when that is requested.

        Raises:
            PgflowError: what `Exchange.run` raises.
        """
        work = asyncio.create_task(exchange.run(), name="pgflow-exchange")
        try:
            if not await _first(work, self._asked, None):
                exchange.stop_claiming()
                running = len(exchange.executor.running)
                self._signals.draining.fire(running)
                if running:
                    logger.info(
                        "stopping: %d handlers may end within %g s; stop again to release them now",
                        running,
                        self._grace,
                    )
                else:
                    logger.info("stopping: no handler is at work")
                # With nothing in hand there is nothing to wait for but a round under way.
                patience = self._grace if exchange.leases else REACTION
                if not await _first(work, self._asked_again, patience):
                    await self._release(exchange, work)
            if work.done() and not work.cancelled():
                await work
        finally:
            await _cancel(work)

    async def _release(self, exchange: Exchange, work: "asyncio.Task[None]") -> None:
        executor = exchange.executor
        if exchange.leases:
            for lease in list(exchange.leases.values()):
                executor.stop(lease, StopReason.SHUTDOWN)
            await asyncio.wait({work}, timeout=REACTION)
        if exchange.leases:
            for lease in [lease for lease in exchange.leases.values() if not lease.ended]:
                logger.warning(
                    "the handler does not end; its task is released for other workers",
                    extra=lease.fields(),
                )
                executor.write_off(lease, Released(lease))
            await asyncio.wait({work}, timeout=FLUSH)
        if exchange.leases:
            logger.error(
                "%d tasks could not be reported; they run elsewhere once their leases expire",
                len(exchange.leases),
            )
        await _cancel(work)


@contextlib.contextmanager
def stop_on_signals(request: Callable[[], None]) -> Generator[None]:
    """Call *request* in the running loop on SIGTERM and SIGINT; for the main thread only."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, request)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _first(work: "asyncio.Task[None]", event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for *work* or *event*, at most *seconds*; return whether *work* has ended."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({work, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    return work.done()


async def _cancel(work: "asyncio.Task[None]") -> None:
    # The first makes psycopg ask the server to end the query, which a server that hangs does not
    # answer; the second makes it give up.
    for _ in range(2):
        if not work.done():
            work.cancel()
            await asyncio.wait({work}, timeout=CANCEL / 2)
