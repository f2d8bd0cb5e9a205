"""Name a flow together with the types of what goes in and comes out, without importing it."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Never, TypeAlias, cast, overload
from uuid import UUID

from pgflow_client.type_variables import (
    AsyncResultsT,
    AsyncResultsT_co,
    OutputT,
    OutputT_co,
    PayloadT_contra,
    ResultsT,
    ResultsT_co,
    SignalsT_co,
)

if TYPE_CHECKING:
    from pgflow_client.client import Client
    from pgflow_client.client_async import AsyncClient
    from pgflow_client.handle import RunHandle
    from pgflow_client.handle_async import AsyncRunHandle


# No slots: with them `FlowRef[A, B]('slug')` fails on Python 3.11.
@dataclass(frozen=True)
class FlowRef(Generic[PayloadT_contra, OutputT_co, ResultsT_co, AsyncResultsT_co, SignalsT_co]):
    """A flow with its types: what type checkers need to help. `pgflow codegen python` writes them.

        voice_memo: FlowRef[VoiceMemo, VoiceMemoOutput] = FlowRef("voice_memo")
        run = voice_memo.run({"object_name": "a.wav"}, client=client)
        run.wait().output["merge"]                  # known to be what the step `merge` returns

    Start runs with its own methods, named as those of `pgflow_dsl.Flow`: they check the payload in
    every type checker. `Client.start` takes a reference as well, knows the type of the output, and
    leaves the payload to run time: mypy cannot infer a dict display from a type variable that two
    arguments share.
    """

    slug: str
    # the default is that of the type variable; checkers compare it with every type instead
    signals: SignalsT_co = field(default=cast("Any", None), repr=False, compare=False)
    """A `SignalRef` for each signal of the flow: `trips.signals.approval.send(...)`."""

    @overload
    def run(
        self,
        payload: PayloadT_contra,
        *,
        client: Client,
        run_id: UUID | str | None = None,
        at: datetime | None = None,
    ) -> RunHandle[OutputT_co, ResultsT_co]: ...
    @overload
    def run(
        self,
        payload: PayloadT_contra,
        *,
        client: AsyncClient,
        run_id: UUID | str | None = None,
        at: datetime | None = None,
    ) -> Coroutine[Any, Any, AsyncRunHandle[OutputT_co, AsyncResultsT_co]]: ...
    def run(
        self,
        payload: PayloadT_contra,
        *,
        client: Client | AsyncClient,
        run_id: UUID | str | None = None,
        at: datetime | None = None,
    ) -> (
        RunHandle[OutputT_co, ResultsT_co]
        | Coroutine[Any, Any, AsyncRunHandle[OutputT_co, AsyncResultsT_co]]
    ):
        """Start a run with *payload*; with an `AsyncClient`, await what is returned.

        Raises as `Client.start` does.
        """
        return client.start(self, payload, run_id=run_id, at=at)

    @overload
    def run_many(
        self, payloads: Iterable[PayloadT_contra], *, client: Client
    ) -> list[RunHandle[OutputT_co, ResultsT_co]]: ...
    @overload
    def run_many(
        self, payloads: Iterable[PayloadT_contra], *, client: AsyncClient
    ) -> Coroutine[Any, Any, list[AsyncRunHandle[OutputT_co, AsyncResultsT_co]]]: ...
    def run_many(
        self, payloads: Iterable[PayloadT_contra], *, client: Client | AsyncClient
    ) -> (
        list[RunHandle[OutputT_co, ResultsT_co]]
        | Coroutine[Any, Any, list[AsyncRunHandle[OutputT_co, AsyncResultsT_co]]]
    ):
        """Start a run for each payload, all or none; with an `AsyncClient`, await it."""
        return client.start_many(self, payloads)

    @overload
    def handle(
        self, run_id: UUID | str, *, client: Client
    ) -> RunHandle[OutputT_co, ResultsT_co]: ...
    @overload
    def handle(
        self, run_id: UUID | str, *, client: AsyncClient
    ) -> AsyncRunHandle[OutputT_co, AsyncResultsT_co]: ...
    def handle(
        self, run_id: UUID | str, *, client: Client | AsyncClient
    ) -> RunHandle[OutputT_co, ResultsT_co] | AsyncRunHandle[OutputT_co, AsyncResultsT_co]:
        """Return a typed handle of a run of this flow that was started elsewhere."""
        return client.handle(run_id, flow=self)


AnyFlowRef: TypeAlias = FlowRef[Never, OutputT, ResultsT, AsyncResultsT, object]
"""A reference whose payload type does not matter."""


def slug_of(flow: str | AnyFlowRef[object, object, object]) -> str:
    """Return the slug of *flow*, however it was given."""
    return flow if isinstance(flow, str) else flow.slug
