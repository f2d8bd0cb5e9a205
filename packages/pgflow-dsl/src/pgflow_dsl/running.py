"""Start real runs from code that has the flow at hand, typed by its payload and its steps.

    run = flow.run(VoiceMemo(object_name="a.wav", owner_id="ann"), client=client)
    text = run.result(summarize).summary

The client is whatever fits the protocols below, such as those of pgflow-client: this package knows
no database. Next: `payloads.py`, what is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, Self, cast
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import to_json

from pgflow_dsl.payloads import payload_document
from pgflow_dsl.types.bound import R
from pgflow_dsl.types.decode import listed, problems_of
from pgflow_manifest import PgflowError

if TYPE_CHECKING:
    from pgflow_dsl.flow import Flow
    from pgflow_dsl.step import Step


class EndedRun(Protocol):
    """A run as it was when it had ended."""

    def result(self, slug: str, /) -> Any:
        """Return the result of the step *slug* as plain JSON; raises when there is none."""
        ...


class Handle(Protocol):
    """What a client gives to follow a run by."""

    @property
    def run_id(self) -> UUID:
        """The id of the run."""
        ...

    def wait(self, timeout: float | None = None) -> EndedRun:
        """Return the run once it has ended; raises when *timeout* seconds are over."""
        ...


class AsyncHandle(Protocol):
    """What an async client gives to follow a run by."""

    @property
    def run_id(self) -> UUID:
        """The id of the run."""
        ...

    def wait(self, timeout: float | None = None) -> Awaitable[EndedRun]:
        """Give the run once it has ended; raises when *timeout* seconds are over."""
        ...


class StartsRuns(Protocol):
    """A client, such as `pgflow_client.Client`."""

    def start(self, flow: str, payload: object, run_id: UUID | str | None = None) -> Handle:
        """Start a run of the flow with that slug."""
        ...


class StartsRunsAsync(Protocol):
    """An async client, such as `pgflow_client.AsyncClient`."""

    def start(
        self, flow: str, payload: object, run_id: UUID | str | None = None
    ) -> Awaitable[AsyncHandle]:
        """Start a run of the flow with that slug."""
        ...


class StartedRun:
    """A run that `Flow.run` started; the client knows more of it by its `run_id`."""

    __slots__ = ("_ended", "_flow", "_handle")

    def __init__(self, flow: Flow[Any], handle: Handle) -> None:
        self._flow = flow
        self._handle = handle
        self._ended: EndedRun | None = None

    def __repr__(self) -> str:
        return f"<run {self.run_id} of flow {self._flow.slug!r}>"

    @property
    def run_id(self) -> UUID:
        """The id of the run."""
        return self._handle.run_id

    def wait(self, timeout: float | None = None) -> Self:
        """Return this run once it has ended, in whatever way.

        Args:
            timeout: for how many seconds at most; None for as long as it takes.

        Raises:
            PgflowError: what the client raises, such as when the time is up.
        """
        if self._ended is None:
            self._ended = self._handle.wait(timeout)
        return self

    def result(self, step: Step[R], timeout: float | None = None) -> R:
        """Wait for the run to end and return the result of *step*, in the type of its handler.

        Args:
            step: a step of the flow.
            timeout: as for `wait`.

        Raises:
            KeyError: a step of another flow.
            PgflowError: what the client raises, such as when the step has failed; or the result
                does not fit the type that the step has here.
        """
        _check_step(self._flow, step)
        self.wait(timeout)
        return _decoded(step, cast("EndedRun", self._ended), self.run_id)


class AsyncStartedRun:
    """A run that `Flow.run` started by an async client; see `StartedRun`."""

    __slots__ = ("_ended", "_flow", "_handle")

    def __init__(self, flow: Flow[Any], handle: AsyncHandle) -> None:
        self._flow = flow
        self._handle = handle
        self._ended: EndedRun | None = None

    def __repr__(self) -> str:
        return f"<run {self.run_id} of flow {self._flow.slug!r}>"

    @property
    def run_id(self) -> UUID:
        """The id of the run."""
        return self._handle.run_id

    async def wait(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109 - the twin
        """Return this run once it has ended, in whatever way; see `StartedRun.wait`."""
        if self._ended is None:
            self._ended = await self._handle.wait(timeout)
        return self

    async def result(self, step: Step[R], timeout: float | None = None) -> R:  # noqa: ASYNC109 - the twin
        """Return the result of *step*, in the type of its handler; see `StartedRun.result`."""
        _check_step(self._flow, step)
        await self.wait(timeout)
        return _decoded(step, cast("EndedRun", self._ended), self.run_id)


def start_run(
    flow: Flow[Any],
    payload: object,
    client: StartsRuns | StartsRunsAsync,
    run_id: UUID | str | None,
) -> StartedRun | Coroutine[Any, Any, AsyncStartedRun]:
    """Start a run of *flow*; see `Flow.run`."""
    document = payload_document(flow, payload)
    started = client.start(flow.slug, document, run_id=run_id)
    if inspect.isawaitable(started):
        return _when_started(flow, started)
    return StartedRun(flow, started)


async def _when_started(flow: Flow[Any], starting: Awaitable[AsyncHandle]) -> AsyncStartedRun:
    return AsyncStartedRun(flow, await starting)


def _check_step(flow: Flow[Any], step: Step[Any]) -> None:
    if flow.steps.get(step.slug) is not step:
        raise KeyError(f"{step!r} is not a step of the flow that was run")


def _decoded(step: Step[R], ended: EndedRun, run_id: UUID) -> R:
    value = ended.result(step.slug)
    try:
        return step.decode_result(to_json(value))
    except ValidationError as error:
        raise PgflowError(
            f"the result of step {step.slug!r} in run {run_id} does not fit the type that the step "
            f"has here: {listed(error)}",
            hint="the run belongs to another version of the flow; deploy this one, or read the "
            "result by the client, as plain JSON",
            details={"errors": [{"at": at, "message": text} for at, text in problems_of(error)]},
        ) from error
