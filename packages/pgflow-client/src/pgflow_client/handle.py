"""One run, to wait for, watch and cancel. The twin is handle_async.py."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, cast

from pgflow_client.events import RunEvent
from pgflow_client.json_value import Json
from pgflow_client.run import RunSnapshot, SignalOutcome, StepReason
from pgflow_client.type_variables import OutputT_co, ResultsT_co
from pgflow_manifest import RunId, RunStatus

if TYPE_CHECKING:
    from pgflow_client.client import Client


class RunHandle(Generic[OutputT_co, ResultsT_co]):
    """One run of a flow, through the client that started it. It holds no state of the run."""

    __slots__ = ("_client", "run_id")

    def __init__(self, client: "Client", run_id: RunId) -> None:
        self._client = client
        self.run_id = run_id
        """The id of the run; another process can go on with it by `Client.handle`."""

    def __repr__(self) -> str:
        return f"RunHandle({str(self.run_id)!r})"

    def get(self) -> RunSnapshot[OutputT_co]:
        """Read the run and all its steps as they are now."""
        # Plain JSON at run time; the type is what the reference says of it.
        return cast("RunSnapshot[OutputT_co]", self._client.get(self.run_id))

    def status(self) -> RunStatus:
        """Read the status of the run as it is now."""
        return self.get().status

    def wait(self, timeout: float | None = None) -> RunSnapshot[OutputT_co]:
        """Return the run once it has ended, in whatever way; see `Client.wait`."""
        return cast("RunSnapshot[OutputT_co]", self._client.wait(self.run_id, timeout))

    def output(self, timeout: float | None = None) -> OutputT_co:
        """Return the run output: the results of the leaf steps by slug.

        Raises:
            RunFailedError: names flow, step, attempts and the error of the step.
            RunCancelledError: somebody cancelled the run.
            WaitTimeoutError: it had not ended after *timeout* seconds.
        """
        return self.wait(timeout).output

    @property
    def result(self) -> ResultsT_co:
        """Return what the step with the slug given returned, without waiting for it.

        A property only so that a generated module can say the type of each slug; call it:
        `run.result("merge")`.

        Raises:
            StepNotFoundError: PF103, the flow has no such step.
            StepNotCompletedError: it has no result, or none yet.
        """
        return cast("ResultsT_co", self._result)

    def _result(self, step_slug: str) -> Json:
        return self.get().result(step_slug)

    def watch(self, timeout: float | None = None) -> Iterator[RunEvent]:
        """Yield what happens in the run until it has ended; see `Client.watch`."""
        return self._client.watch(self.run_id, timeout)

    def signal(self, signal: str, payload: object) -> SignalOutcome:
        """Send *payload* to a step that waits for a signal, or will; see `Client.signal`."""
        return self._client.signal(self.run_id, signal, payload)

    def explain(self) -> tuple[StepReason, ...]:
        """Read why each step that has not ended does not run, or who runs it."""
        return self._client.explain(self.run_id)

    def cancel(self, reason: str | None = None) -> RunStatus:
        """Cancel the run unless it has ended; see `Client.cancel`."""
        return self._client.cancel(self.run_id, reason)
