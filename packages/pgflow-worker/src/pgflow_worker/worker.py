"""The worker as a list of its parts.

loader.py        flows in a folder -> handlers and the digest of each
registration.py  is the database there, does it fit, does it know the handlers
exchange.py      the loop: report what ended, claim what may begin
executor.py      run handlers as tasks or in threads, within their timeouts
keeper.py        a thread that extends leases, beats, sweeps and listens for work
shutdown.py      drain, release, end
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pgflow_dsl import Flow
from pgflow_manifest import Manifest
from pgflow_worker.config import WorkerConfig, default_name, resolve_database_url
from pgflow_worker.connections import Connection
from pgflow_worker.exchange import Exchange
from pgflow_worker.keeper import Keeper
from pgflow_worker.lease import Lease
from pgflow_worker.loader import Handler, load
from pgflow_worker.logs import logger
from pgflow_worker.masking import describe_database
from pgflow_worker.registration import Registration
from pgflow_worker.shutdown import Shutdown, stop_on_signals
from pgflow_worker.signals import Signals
from pgflow_worker.threads import in_thread


class Worker:
    """Runs the handlers of flows for as long as it is let.

        worker = Worker("flows/", "postgresql://localhost/app", concurrency=50)
        await worker.run()

    Args:
        flows: a folder or a file of flows, or `Flow` objects.
        database_url: where the engine is; None for PGFLOW_DATABASE_URL, then DATABASE_URL.
        concurrency: how many handlers run at once.
        only_flows: slugs of the flows to serve; None for all.
        only_steps: `flow.step` of the steps to serve; None for all.
        manifest: what the flows were compiled to, or its file; needed only for handlers without a
            return annotation. None for PGFLOW_MANIFEST, then the places where `compile` puts it.
        lease: seconds that a claimed task stays ours without a sign of life.
        grace: seconds that running handlers may take to end after `stop`.
        beat: seconds between two signs of life of the worker.
        name: how logs and `pgflow status` call it; None for host and process.
        drain: end when nothing is left to do.
        deploy: deploy the flows first; needs the role `pgflow_admin`.
        connect_timeout: seconds to wait at the start for a database that does not answer yet.
        handle_signals: stop on SIGTERM and SIGINT; only in the main thread.
        signals: hooks for tests.

    Raises:
        UsageError: an option is out of its range, a flow or step is named that is not there, or
            the manifest is needed and not there.
        DefinitionError: a flow is wrong, or the manifest is older than a handler; says where.
    """

    def __init__(
        self,
        flows: Path | str | Iterable[Flow[Any]],
        database_url: str | None = None,
        *,
        concurrency: int = 100,
        only_flows: Sequence[str] | None = None,
        only_steps: Sequence[str] | None = None,
        manifest: Manifest | Path | str | None = None,
        lease: float = 30.0,
        grace: float = 25.0,
        beat: float = 10.0,
        name: str | None = None,
        drain: bool = False,
        deploy: bool = False,
        connect_timeout: float = 10.0,
        handle_signals: bool = False,
        signals: Signals | None = None,
    ) -> None:
        self.worker_id: UUID = uuid4()
        self.config = WorkerConfig(
            database_url=resolve_database_url(database_url),
            concurrency=concurrency,
            lease=lease,
            grace=grace,
            beat=beat,
            name=name or default_name(),
            drain=drain,
            deploy=deploy,
            connect_timeout=connect_timeout,
        )
        self.loaded = load(flows, only_flows=only_flows, only_steps=only_steps, manifest=manifest)
        self.signals = signals or Signals()
        self._handle_signals = handle_signals
        self._registration = Registration(self.config, self.worker_id, self.loaded)
        self._stop_requested = threading.Event()
        self._request: Callable[[], None] | None = None
        self._exchange: Exchange | None = None

    @property
    def running_handlers(self) -> int:
        """How many handlers have not ended; after `run`, those that ignore their cancellation."""
        return len(self._exchange.executor.running) if self._exchange is not None else 0

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop_requested.is_set()

    async def run(self) -> None:
        """Serve until `stop` is called, or, with `drain`, until nothing is left to do.

        Cancelling it releases what it holds at once.

        Raises:
            PgflowError: the worker cannot start: the database is not there, its schema does not
                fit, or the flows are not deployed; every message says what to do.
        """
        shutdown = Shutdown(self.config.grace, self.signals)
        with self._requests_to(shutdown):
            try:
                handlers = await in_thread(lambda: self._registration.prepare(self._stop_requested))
            except asyncio.CancelledError:
                self._stop_requested.set()  # the thread must not wait on for the database
                raise
            try:
                await self._serve(handlers, shutdown)
            finally:
                await self._registration.say_goodbye()
        logger.info("stopped")

    def run_sync(self) -> None:
        """Serve as `run` does, in an event loop of its own."""
        asyncio.run(self.run())

    def stop(self) -> None:
        """Let the worker end: no more claims, `grace` seconds for what runs; from any thread.

        Called again, what still runs is cancelled and released at once.
        """
        self._stop_requested.set()
        if self._request is not None:
            # The loop may be gone already, and with it what there was to stop.
            with contextlib.suppress(RuntimeError):
                self._request()

    async def _serve(self, handlers: Mapping[int, Handler], shutdown: Shutdown) -> None:
        exchange = self._exchange = Exchange(
            self.config, self.worker_id, handlers, self._register_anew, self.signals
        )
        loop = asyncio.get_running_loop()

        def register(conn: Connection) -> None:
            exchange.handlers = self._registration.register(conn)

        keeper = Keeper(
            self.config,
            self.worker_id,
            exchange.leases,
            on_work=lambda: _in_loop(loop, exchange.nudge),
            on_lost=lambda leases: _in_loop(loop, exchange.lost, leases),
            register=register,
            signals=self.signals,
        )
        keeper.start()
        self._log_start()
        self.signals.started.fire(self.worker_id)
        try:
            await shutdown.supervise(exchange)
        finally:
            await in_thread(keeper.close)
            await exchange.close()

    async def _register_anew(self) -> Mapping[int, Handler]:
        return await in_thread(self._registration.register_anew)

    @contextlib.contextmanager
    def _requests_to(self, shutdown: Shutdown) -> Generator[None]:
        loop = asyncio.get_running_loop()
        self._request = lambda: _in_loop(loop, shutdown.request)
        if self._stop_requested.is_set():
            shutdown.request()
        try:
            if self._handle_signals:
                with stop_on_signals(self.stop):
                    yield
            else:
                yield
        finally:
            self._request = None

    def _log_start(self) -> None:
        flows = sorted({handler.flow_slug for handler in self.loaded.handlers})
        logger.info(
            "serving %d steps of %s from %s, at most %d at once",
            len(self.loaded.handlers),
            ", ".join(flows),
            describe_database(self.config.database_url),
            self.config.concurrency,
            extra={"worker_id": str(self.worker_id)},
        )


def _in_loop(
    loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: list[Lease]
) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
        loop.call_soon_threadsafe(call, *arguments)
