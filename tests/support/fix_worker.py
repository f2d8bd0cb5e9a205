"""What the worker's tests share: the engine as a caller sees it, and workers that end with a test."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
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
            if monotonic() > deadline:
                states = self.rows(
                    "select flow_slug, status, count(*) from pgflow.runs group by 1, 2"
                )
                raise TimeoutError(f"not true within {timeout} s: {query}; runs: {states}")
            await asyncio.sleep(0.01)


@pytest.fixture
def engine(conn: psycopg.Connection) -> Engine:
    return Engine(conn)


@pytest.fixture
def serve(database_url: str, engine: Engine) -> Serve:
    """Return `serve(*flows, **options)`: deploys, runs a worker in this loop, ends it at exit."""

    @asynccontextmanager
    async def serve(
        *flows: Flow[Any], deploy: bool = True, **options: Any
    ) -> AsyncIterator[Worker]:
        if deploy:
            engine.deploy(*flows)
        url = options.pop("database_url", database_url)
        worker = Worker(flows, url, signals=Signals().listen(), **{"grace": 5.0, **options})
        task = asyncio.create_task(worker.run())
        try:
            started = asyncio.create_task(worker.signals.started.wait())
            await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
            await started
            yield worker
        finally:
            worker.stop()
            await task

    return serve
