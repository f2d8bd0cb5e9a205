"""Start, see, await and cancel runs. The asynchronous twin is client_async.py.

What is sent is in calls.py, how it is sent in link.py; this file only puts them together. It is
imported without psycopg, pydantic and jsonschema_rs, which come with the first client and payload.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, overload
from uuid import UUID

from pgflow_client import calls
from pgflow_client.catalog import Catalog
from pgflow_client.events import EventTracker, RunEvent
from pgflow_client.flow_ref import AnyFlowRef, slug_of
from pgflow_client.handle import RunHandle
from pgflow_client.json_value import Json
from pgflow_client.run import RunSnapshot, RunSummary, SignalOutcome, StepReason
from pgflow_client.type_variables import OutputT, ResultsT
from pgflow_manifest import RunStatus

if TYPE_CHECKING:
    import psycopg

    from pgflow_manifest import Manifest


class Client:
    """Start, see, await and cancel runs, knowing the flows from the manifest alone.

    With a URL it has a connection of its own: opened at the first call, opened anew when it broke,
    usable from several threads. With your psycopg connection it works inside your transaction:
    nothing is started without your commit, and nothing of the connection is changed.
    """

    def __init__(
        self,
        url_or_connection: "str | psycopg.Connection[Any] | None" = None,
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
        # Late: it brings psycopg.
        from pgflow_client.link import Link  # noqa: PLC0415

        self._catalog = Catalog(manifest)
        self._link = Link(url_or_connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are the client's own; yours stays as it is."""
        self._link.close()

    @overload
    def start(
        self,
        flow: AnyFlowRef[OutputT, ResultsT, object],
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> RunHandle[OutputT, ResultsT]: ...
    @overload
    def start(
        self,
        flow: str,
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> RunHandle[Json]: ...
    def start(
        self,
        flow: str | AnyFlowRef[Any, Any, Any],
        payload: object,
        run_id: UUID | str | None = None,
        *,
        at: datetime | None = None,
    ) -> RunHandle[Any, Any]:
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
        return RunHandle(self, self._link.execute(call))

    @overload
    def start_many(
        self, flow: AnyFlowRef[OutputT, ResultsT, object], payloads: Iterable[object]
    ) -> list[RunHandle[OutputT, ResultsT]]: ...
    @overload
    def start_many(self, flow: str, payloads: Iterable[object]) -> list[RunHandle[Json]]: ...
    def start_many(
        self, flow: str | AnyFlowRef[Any, Any, Any], payloads: Iterable[object]
    ) -> list[RunHandle[Any, Any]]:
        """Start a run for each payload, all or none, and return their handles in order.

        Raises as `start` does; the text of an error says which payload it is.
        """
        slug = slug_of(flow)
        call = calls.start_flows(slug, self._catalog.encode_many(slug, payloads))
        return [RunHandle(self, run_id) for run_id in self._link.execute(call)]

    @overload
    def handle(
        self, run_id: UUID | str, flow: AnyFlowRef[OutputT, ResultsT, object]
    ) -> RunHandle[OutputT, ResultsT]: ...
    @overload
    def handle(self, run_id: UUID | str, flow: None = None) -> RunHandle[Json]: ...
    def handle(
        self, run_id: UUID | str, flow: AnyFlowRef[Any, Any, Any] | None = None
    ) -> RunHandle[Any, Any]:
        """Return a handle of a run that was started elsewhere, typed by *flow*; sends nothing."""
        del flow
        return RunHandle(self, calls.as_run_id(run_id))

    def get(self, run_id: UUID | str) -> RunSnapshot:
        """Read a run and all its steps as they are now.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
        """
        return self._link.execute(calls.get_run(run_id))

    def list(
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
        return self._link.execute(calls.list_runs(slug, status, limit))

    def explain(self, run_id: UUID | str) -> tuple[StepReason, ...]:
        """Read why each step of a run that has not ended does not run, or who runs it.

        Empty for a run that has ended. Of a map step, ten items at most stand for each reason;
        `detail["tasks_count"]` says how many there are.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
        """
        return self._link.execute(calls.explain_run(run_id))

    def cancel(self, run_id: UUID | str, reason: str | None = None) -> RunStatus:
        """Cancel a run and return its status afterwards; cancelling twice is the same as once.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
            RunFinishedError: PF302, it has already completed or failed.
        """
        return self._link.execute(calls.cancel_run(run_id, reason))

    def signal(self, run_id: UUID | str, signal: str, payload: object) -> SignalOutcome:
        """Send *payload* to a step of the run that waits for a signal, or will wait for it.

        Returns:
            `completed` when the step waited, `kept` when it does not wait yet, `repeated` when the
            same payload was sent before: then nothing changes.

        Raises:
            RunNotFoundError: PF102, there is no such run, or it is not yours.
            StepNotFoundError: PF103, the flow has no such signal.
            PayloadInvalidError: PF202, it does not fit; the step goes on waiting.
            RunFinishedError: PF302, the run has ended.
            SignalSentError: PF305, another payload was sent before.
            SignalNotAwaitedError: PF306, the time to wait was over.
        """
        return self._link.execute(calls.send_signal(run_id, signal, payload))

    def wait(self, run_id: UUID | str, timeout: float | None = None) -> RunSnapshot:
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
        for snapshot in self._link.follow(run_id, timeout):
            ended = snapshot
        assert ended is not None
        return ended

    def watch(self, run_id: UUID | str, timeout: float | None = None) -> Iterator[RunEvent]:
        """Yield what happens in a run until it has ended: each event once, causes first.

        It begins with what has happened so far, whenever it is called. Raises as `wait` does.
        """
        tracker = EventTracker()
        for snapshot in self._link.follow(run_id, timeout):
            yield from tracker.update(snapshot)
