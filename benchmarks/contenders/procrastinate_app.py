"""The tasks of Procrastinate that are measured: a single one, and the steps of chains."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypedDict, Unpack

from procrastinate import App, PsycopgConnector
from psycopg_pool import AsyncConnectionPool


class WorkerOptions(TypedDict, total=False):
    """What of the options of a worker is set here."""

    concurrency: int
    fetch_job_polling_interval: float


class Tasks:
    """An app of Procrastinate with the tasks of the benchmark.

    Args:
        url: the database.
        began: is called when a handler begins.
        ended: is called when a handler is about to return, with whether a run ends there.
    """

    def __init__(
        self,
        url: str,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._url = url
        self._began = began
        self._ended = ended
        self.app = App(connector=PsycopgConnector())
        self.single = self.app.task(name="single")(self._single)
        self.step = self.app.task(name="step")(self._step)

    @asynccontextmanager
    async def opened(self, connections: int) -> AsyncGenerator[Self]:
        """Be connected for the time of the block; the listener of a worker has one more."""
        # a pool that Procrastinate makes asks of each connection whether it lives, at each use:
        # one of our own, which its documentation offers, spares it those round trips
        async with (
            AsyncConnectionPool(
                self._url, min_size=connections, max_size=connections, open=False
            ) as pool,
            self.app.open_async(pool),
        ):
            await pool.wait()
            yield self

    async def work(self, **options: Unpack[WorkerOptions]) -> None:
        """Be a worker until cancelled."""
        await self.app.run_worker_async(install_signal_handlers=False, **options)

    async def _single(self, number: int) -> int:
        self._began()
        self._ended(True)
        return number

    async def _step(self, left: int, text: str) -> str:
        """Do one step of a chain, and defer the next with the result, when any are *left*."""
        self._began()
        if left:
            await self.step.defer_async(left=left - 1, text=text)
        self._ended(not left)
        return text
