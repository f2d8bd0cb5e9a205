"""One run, to wait for, watch and cancel. The twin is handle_async.py."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from pgflow_client.events import RunEvent
from pgflow_client.json_value import Json
from pgflow_client.run import RunSnapshot
from pgflow_manifest import RunId, RunStatus

if TYPE_CHECKING:
    from pgflow_client.client import Client

OutputT_co = TypeVar("OutputT_co", covariant=True)


class RunHandle(Generic[OutputT_co]):
    """One run of a flow, through the client that started it. It holds no state of the run."""

    __slots__ = ("_client", "run_id")

    def __init__(self, client: "Client", run_id: RunId) -> None:
        self._client = client
        self.run_id = run_id
        """The id of the run; another process can go on with it by `Client.handle`."""

    def __repr__(self) -> str:
        return f"RunHandle({str(self.run_id)!r})"

    def get(self) -> RunSnapshot:
        """Read the run and all its steps as they are now."""
        return self._client.get(self.run_id)

    def status(self) -> RunStatus:
        """Read the status of the run as it is now."""
        return self.get().status

    def wait(self, timeout: float | None = None) -> RunSnapshot:
        """Return the run once it has ended, in whatever way; see `Client.wait`."""
        return self._client.wait(self.run_id, timeout)

    def output(self, timeout: float | None = None) -> OutputT_co:
        """Return the run output: the results of the leaf steps by slug.

        Raises:
            RunFailedError: names flow, step, attempts and the error of the step.
            RunCancelledError: somebody cancelled the run.
            WaitTimeoutError: it had not ended after *timeout* seconds.
        """
        # Plain JSON at run time; the type is what the reference says of it.
        return cast("OutputT_co", self.wait(timeout).completed_output())

    def result(self, step_slug: str) -> Json:
        """Return what the step *step_slug* returned, without waiting for it.

        Raises:
            StepNotFoundError: PF103, the flow has no such step.
            StepNotCompletedError: it has no result, or none yet.
        """
        return self.get().result(step_slug)

    def watch(self, timeout: float | None = None) -> Iterator[RunEvent]:
        """Yield what happens in the run until it has ended; see `Client.watch`."""
        return self._client.watch(self.run_id, timeout)

    def cancel(self, reason: str | None = None) -> RunStatus:
        """Cancel the run unless it has ended; see `Client.cancel`."""
        return self._client.cancel(self.run_id, reason)
