"""The entrypoints of PgQueuer that are measured: a single one, and the steps of chains."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final, Self, cast

from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, PgQueuer, Queries
from pgqueuer.models import Job

# without types
_asyncpg: Final[Any] = import_module("asyncpg")


class Entrypoints:
    """A worker of PgQueuer with the entrypoints of the benchmark.

    Args:
        url: the database.
        began: is called when a handler begins.
        ended: is called when a handler is about to return, with whether a run ends there.
        gate: is called before the first claim, which waits for it.
    """

    def __init__(
        self,
        url: str,
        began: Callable[[], None] = lambda: None,
        ended: Callable[[bool], None] = lambda _: None,
        gate: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._began = began
        self._ended = ended
        self._gate = gate
        self.producer = cast("Queries", None)

    @asynccontextmanager
    async def opened(self, producers: int) -> AsyncGenerator[Self]:
        """Have a pool of *producers* connections for the time of the block."""
        async with _asyncpg.create_pool(self._url, min_size=producers, max_size=producers) as pool:
            self.producer = Queries(AsyncpgPoolDriver(pool))
            yield self

    async def enqueue_singles(self, numbers: range) -> None:
        """Enqueue single jobs, all with one commit."""
        await self.producer.enqueue(
            ["single"] * len(numbers), [b"%d" % number for number in numbers], [0] * len(numbers)
        )

    async def work(self, batch: int) -> None:
        """Be a worker until cancelled; what is finished by then is acknowledged at once."""
        connection = await _asyncpg.connect(self._url)
        driver = AsyncpgDriver(connection)
        worker = PgQueuer(driver, queries=_GatedQueries(driver, self._gate))
        worker.entrypoint("single")(self._single)
        worker.entrypoint("step")(self._step)
        run = asyncio.create_task(worker.run(batch_size=batch))
        try:
            await asyncio.shield(run)
        finally:
            worker.shutdown.set()
            await run
            await connection.close()

    async def _single(self, _: Job) -> None:
        self._began()
        self._ended(True)

    async def _step(self, job: Job) -> None:
        """Do one step of a chain, and enqueue the next with the result, when any are left."""
        self._began()
        assert job.payload is not None
        left, text = job.payload[0], job.payload[1:]
        if left:
            await self.enqueue_step(left - 1, text)
        self._ended(not left)

    async def enqueue_step(self, left: int, text: bytes) -> None:
        """Enqueue one step of a chain, after which *left* more come."""
        await self.producer.enqueue("step", bytes((left,)) + text)


class _GatedQueries(Queries):
    """Queries whose first claim waits: the clock shall begin there, and not before the checks."""

    def __init__(self, driver: AsyncpgDriver, gate: Callable[[], None]) -> None:
        super().__init__(driver)
        self._gate: Callable[[], None] | None = gate

    async def dequeue(self, *arguments: object, **named: object) -> list[Job]:
        """Claim jobs."""
        if self._gate is not None:
            self._gate()
            self._gate = None
        return await super().dequeue(*arguments, **named)  # type: ignore[arg-type]
