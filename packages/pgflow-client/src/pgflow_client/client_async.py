"""Start, see, await and cancel runs from asyncio. The synchronous twin is client.py.

What is sent is in calls.py, how it is sent in link_async.py; this file only puts them together. It
is imported without asyncio, psycopg, pydantic and jsonschema_rs, which come with the first client
and payload.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload
from uuid import UUID

from pgflow_client import calls
from pgflow_client.catalog import Catalog
from pgflow_client.events import EventTracker, RunEvent
from pgflow_client.flow_ref import AnyFlowRef, slug_of
from pgflow_client.handle_async import AsyncRunHandle
from pgflow_client.json_value import Json
from pgflow_client.run import RunSnapshot, RunSummary, SignalOutcome, StepReason
from pgflow_client.type_variables import AsyncResultsT, OutputT
from pgflow_manifest import RunStatus

if TYPE_CHECKING:
    import psycopg

    from pgflow_manifest import Manifest


class AsyncClient:
    """Start, see, await and cancel runs, knowing the flows from the manifest alone.

    With a URL it has a connection of its own: opened at the first call, opened anew when it broke,
    usable from several tasks of one event loop. With your psycopg connection it works inside your
    transaction: nothing is started without your commit, and nothing of the connection is changed.
    """

    def __init__(
        self,
        url_or_connection: "str | psycopg.AsyncConnection[Any] | None" = None,
        *,
        manifest: "Manifest | Path | str | None" = None,
    ) -> None:
        """Make a client; no connection is opened and no file read before they are needed.

        Args:
            url_or_connection: where the database is; by default what `PGFLOW_DATABASE_URL` or
                `DATABASE_URL` says. Or your own connection.
            manifest: the manifest or its file; by default what `PGFLOW_MANIFEST` says, else
                `flows.manifest.json`, here or in `manifests/`.

        Raises:
            DatabaseUrlError: no database is named, or not in a way that Postgres understands.
        """
        # Late: it brings asyncio and psycopg.
        from pgflow_client.link_async import AsyncLink  # noqa: PLC0415

        self._catalog = Catalog(manifest)
        self._link = AsyncLink(url_or_connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are the client's own; yours stays as it is."""
        await self._link.close()

    @overload
    async def start(
        self,
        flow: AnyFlowRef[OutputT, object, AsyncResultsT],
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> AsyncRunHandle[OutputT, AsyncResultsT]: ...
    @overload
    async def start(
        self,
        flow: str,
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> AsyncRunHandle[Json]: ...
    async def start(
        self,
        flow: str | AnyFlowRef[Any, Any, Any],
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> AsyncRunHandle[Any, Any]:
        """Start a run of *flow*.

        Args:
            flow: its slug, or a `FlowRef`.
            payload: a JSON value, a pydantic model or a dataclass.
            run_id: the id it shall have, so that starting twice is noticed.
            at: when its first steps start; at once unless given, or when it is past.

        Raises:
            FlowNotFoundError: PF101, the manifest or the database has no such flow.
            PayloadInvalidError: PF202, it does not fit; JSON pointer, keyword, message of each
                fault. Nothing was sent.
            NotStorableError: PF208, Postgres could not hold it. Nothing was sent.
            RunIdTakenError: PF303, a run with this id exists.
            ForbiddenError: PF401, you may not start it.
        """
        slug = slug_of(flow)
        call = calls.start_flow(slug, self._catalog.encode(slug, payload), run_id, at)
        return AsyncRunHandle(self, await self._link.execute(call))

    @overload
    async def start_many(
        self, flow: AnyFlowRef[OutputT, object, AsyncResultsT], payloads: Iterable[object]
    ) -> list[AsyncRunHandle[OutputT, AsyncResultsT]]: ...
    @overload
    async def start_many(
        self, flow: str, payloads: Iterable[object]
    ) -> list[AsyncRunHandle[Json]]: ...
    async def start_many(
        self, flow: str | AnyFlowRef[Any, Any, Any], payloads: Iterable[object]
    ) -> list[AsyncRunHandle[Any, Any]]:
        """Start a run for each payload, all or none, and return their handles in order.

        Raises as `start` does; the text of an error says which payload it is.
        """
        slug = slug_of(flow)
        call = calls.start_flows(slug, self._catalog.encode_many(slug, payloads))
        run_ids = await self._link.execute(call)
        return [AsyncRunHandle(self, run_id) for run_id in run_ids]

    @overload
    def handle(
        self, run_id: UUID | str, flow: AnyFlowRef[OutputT, object, AsyncResultsT]
    ) -> AsyncRunHandle[OutputT, AsyncResultsT]: ...
    @overload
    def handle(self, run_id: UUID | str, flow: None = None) -> AsyncRunHandle[Json]: ...
    def handle(
        self, run_id: UUID | str, flow: AnyFlowRef[Any, Any, Any] | None = None
    ) -> AsyncRunHandle[Any, Any]:
        """Return a handle of a run that was started elsewhere, typed by *flow*; sends nothing."""
        del flow
        return AsyncRunHandle(self, calls.as_run_id(run_id))

    async def get(self, run_id: UUID | str) -> RunSnapshot:
        """Read a run and all its steps as they are now.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
        """
        return await self._link.execute(calls.get_run(run_id))

    async def list(
        self,
        flow: str | AnyFlowRef[Any, Any, Any] | None = None,
        status: RunStatus | None = None,
        limit: int = 50,
    ) -> tuple[RunSummary, ...]:
        """Read the newest runs that you may see, the newest first.

        Args:
            flow: only runs of this flow.
            status: only runs with this status.
            limit: how many at most, 1 to 10,000.
        """
        slug = None if flow is None else slug_of(flow)
        return await self._link.execute(calls.list_runs(slug, status, limit))

    async def explain(self, run_id: UUID | str) -> tuple[StepReason, ...]:
        """Read why each step of a run that has not ended does not run, or who runs it.

        Empty for a run that has ended. Of a map step, ten items at most stand for each reason;
        `detail["tasks_count"]` says how many there are.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
        """
        return await self._link.execute(calls.explain_run(run_id))

    async def cancel(self, run_id: UUID | str, reason: str | None = None) -> RunStatus:
        """Cancel a run and return its status afterwards; cancelling twice is the same as once.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
            RunFinishedError: PF302, it has already completed or failed.
        """
        return await self._link.execute(calls.cancel_run(run_id, reason))

    async def signal(self, run_id: UUID | str, signal: str, payload: object) -> SignalOutcome:
        """Send *payload* to a step of the run that waits for a signal, or will wait for it.

        See `Client.signal`.
        """
        return await self._link.execute(calls.send_signal(run_id, signal, payload))

    async def wait(
        self,
        run_id: UUID | str,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> RunSnapshot:
        """Return the run once it has ended, in whatever way.

        Args:
            run_id: the run.
            timeout: for how many seconds at most; None for as long as it takes.

        Raises:
            WaitTimeoutError: the time was up; says where the run and every unfinished step stand.
            InsideTransactionError: your connection is in a transaction, so that no worker would
                see the run.
        """
        ended: RunSnapshot | None = None
        async for snapshot in self._link.follow(run_id, timeout):
            ended = snapshot
        assert ended is not None
        return ended

    async def watch(
        self,
        run_id: UUID | str,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> AsyncIterator[RunEvent]:
        """Yield what happens in a run until it has ended: each event once, causes first.

        It begins with what has happened so far, whenever it is called. Raises as `wait` does.
        """
        tracker = EventTracker()
        async for snapshot in self._link.follow(run_id, timeout):
            for event in tracker.update(snapshot):
                yield event
