"""What tests of workers share: the engine as a caller sees it, and workers that end with a test."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest

from pgflow_dsl import Flow, compile_flows
from pgflow_manifest import dump_manifest
from pgflow_worker import Signals, Worker

Serve = Callable[..., AbstractAsyncContextManager[Worker]]


class Engine:
    """The SQL functions that tests use, and a look into the tables."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self.conn = conn

    def deploy(self, *flows: Flow[Any]) -> None:
        manifest = dump_manifest(compile_flows(list(flows))).decode()
        self.conn.execute("select pgflow.deploy(%s::jsonb)", [manifest])

    def start(self, flow: str, payload: object = None) -> UUID:
        return cast(
            "UUID", self.value("select pgflow.start_flow(%s, %s::jsonb)", flow, json.dumps(payload))
        )

    def start_many(self, flow: str, payloads: Sequence[object]) -> list[UUID]:
        texts = [json.dumps(payload) for payload in payloads]
        return cast(
            "list[UUID]", self.value("select pgflow.start_flows(%s, %s::jsonb[])", flow, texts)
        )

    def value(self, query: Any, *parameters: object) -> Any:
        row = self.conn.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def rows(self, query: Any, *parameters: object) -> list[Any]:
        return self.conn.execute(query, parameters).fetchall()

    def run(self, run_id: UUID) -> dict[str, Any]:
        return cast("dict[str, Any]", self.value("select pgflow.get_run(%s)", run_id))

    def attempts(self, run_id: UUID, step: str) -> list[tuple[int, str, Any]]:
        return self.rows(
            "select attempt, outcome, error from pgflow.attempts "
            "where run_id = %s and step_slug = %s order by ended_at, attempt",
            run_id,
            step,
        )

    async def ended(self, run_id: UUID, timeout: float = 15.0) -> dict[str, Any]:  # noqa: ASYNC109
        """Wait until the run has ended, and return it."""
        await self.until(
            "select status <> 'started' from pgflow.runs where run_id = %s", run_id, timeout=timeout
        )
        return self.run(run_id)

    async def until(
        self,
        query: Any,
        *parameters: object,
        timeout: float = 15.0,  # noqa: ASYNC109
    ) -> None:
        """Wait until *query* answers true."""
        deadline = monotonic() + timeout
        while not self.value(query, *parameters):
            self._check_time(deadline, query)
            await asyncio.sleep(0.01)

    def until_blocking(self, query: Any, *parameters: object, timeout: float = 15.0) -> None:
        """Wait until *query* answers true, for tests whose workers are processes."""
        deadline = monotonic() + timeout
        while not self.value(query, *parameters):
            self._check_time(deadline, query)
            sleep(0.01)

    def _check_time(self, deadline: float, query: object) -> None:
        if monotonic() > deadline:
            states = self.rows("select flow_slug, status, count(*) from pgflow.runs group by 1, 2")
            raise TimeoutError(f"never became true: {query}; runs: {states}")


class SpawnedWorker:
    """A worker that is a process of its own, and the JSON lines of its log."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.lines: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pgflow_worker", *arguments, "--log-format", "json"],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, start: str, timeout: float = 15.0) -> dict[str, Any]:
        """Return the first log line whose message starts like that."""
        deadline = monotonic() + timeout
        with self._changed:
            while True:
                for line in self.lines:
                    if line["message"].startswith(start):
                        return line
                if not self._changed.wait(deadline - monotonic()):
                    raise TimeoutError(f"no line {start!r} in {self.lines}")

    def end(self) -> None:
        """Kill it if it still runs, and let go of its log."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            try:
                line = json.loads(text)
            except ValueError:
                line = {"message": text.rstrip()}
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()


SpawnWorker = Callable[..., SpawnedWorker]


@pytest.fixture
def engine(conn: psycopg.Connection) -> Engine:
    return Engine(conn)


@pytest.fixture
def spawn_worker(database_url: str) -> Iterator[SpawnWorker]:
    """Return `spawn_worker(folder, *options)`: starts a worker process; killed after the test."""
    spawned: list[SpawnedWorker] = []

    def spawn(folder: Path, *options: str, database_url: str = database_url) -> SpawnedWorker:
        spawned.append(
            SpawnedWorker([str(folder), *options], {"PGFLOW_DATABASE_URL": database_url})
        )
        return spawned[-1]

    yield spawn
    for worker in spawned:
        worker.end()


@pytest.fixture
def serve(database_url: str, engine: Engine) -> Serve:
    """Return `serve(*flows, **options)`: deploys, runs a worker in this loop, ends it at exit."""

    @asynccontextmanager
    async def serve(
        *flows: Flow[Any], deployed: bool = True, **options: Any
    ) -> AsyncGenerator[Worker]:
        if deployed:
            engine.deploy(*flows)
        url = options.pop("database_url", database_url)
        options.setdefault("grace", 5.0)
        worker = Worker(flows, url, signals=Signals().listen(), **options)
        task = asyncio.create_task(worker.run())
        try:
            started = asyncio.create_task(worker.signals.started.wait())
            await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            await started
            yield worker
        finally:
            if not worker.is_stopping:  # a second request would not let the handlers end
                worker.stop()
            await task

    return serve
