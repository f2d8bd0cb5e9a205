"""Name a signal of a flow together with the type of what is sent, without importing the flow."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, overload
from uuid import UUID

from pgflow_client.type_variables import SignalPayloadT_contra

if TYPE_CHECKING:
    from pgflow_client.client import Client
    from pgflow_client.client_async import AsyncClient
    from pgflow_client.run import SignalOutcome


# No slots: with them `SignalRef[A]('slug')` fails on Python 3.11.
@dataclass(frozen=True)
class SignalRef(Generic[SignalPayloadT_contra]):
    """A signal with the type of its payload. `pgflow codegen python` writes them.

        trips.signals.approval.send(run_id, {"approved": True}, client=client)

    `Client.signal` sends the same; here type checkers know the signals of a flow and what fits.
    """

    slug: str

    @overload
    def send(
        self, run_id: UUID | str, payload: SignalPayloadT_contra, *, client: Client
    ) -> SignalOutcome: ...
    @overload
    def send(
        self, run_id: UUID | str, payload: SignalPayloadT_contra, *, client: AsyncClient
    ) -> Coroutine[Any, Any, SignalOutcome]: ...
    def send(
        self, run_id: UUID | str, payload: SignalPayloadT_contra, *, client: Client | AsyncClient
    ) -> SignalOutcome | Coroutine[Any, Any, SignalOutcome]:
        """Send *payload* to the run; with an `AsyncClient`, await what is returned.

        Returns and raises as `Client.signal` does.
        """
        return client.signal(run_id, self.slug, payload)
