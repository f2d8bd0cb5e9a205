"""Signals through the client, and runs that begin later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgflow_client import AsyncClient, Client, FlowRef, Json, SignalRef
from pgflow_manifest import (
    InvalidArgumentError,
    Manifest,
    PayloadInvalidError,
    RunFinishedError,
    SignalSentError,
    SlugInvalidError,
    StepNotFoundError,
)

YES = {"ok": True}


class ApprovedSignals:
    """As `pgflow codegen python` writes it."""

    approval = SignalRef[dict[str, bool]]("approval")


APPROVED: FlowRef[None, Json, object, object, ApprovedSignals] = FlowRef(
    "approved", ApprovedSignals()
)


def test_references_of_one_flow_are_equal() -> None:
    assert len({APPROVED, FlowRef("approved", ApprovedSignals())}) == 1


def test_signal_lets_the_run_go_on(client: Client, worker: Any) -> None:
    run = client.start("approved", None)
    worker.finish()
    assert run.get().step("approval").status == "started"
    assert run.signal("approval", YES) == "completed"
    worker.finish()
    snapshot = run.wait(timeout=10)
    assert (snapshot.status, snapshot.result("approval")) == ("completed", YES)


def test_early_and_repeated_signals_are_fine_and_another_one_is_not(
    client: Client, worker: Any
) -> None:
    run = client.start("approved", None)
    assert client.signal(run.run_id, "approval", YES) == "kept"
    assert client.signal(str(run.run_id), "approval", YES) == "repeated"
    with pytest.raises(SignalSentError, match="another payload"):
        run.signal("approval", {"ok": False})
    worker.finish()
    assert run.status() == "completed"


def test_reference_of_a_signal_sends_it(client: Client, worker: Any) -> None:
    run = APPROVED.run(None, client=client)
    assert APPROVED.signals.approval.send(run.run_id, YES, client=client) == "kept"
    worker.finish()
    assert run.wait(timeout=10).result("approval") == YES


def test_refusals_are_of_their_class_and_nothing_changes(client: Client, worker: Any) -> None:
    run = client.start("approved", None)
    worker.finish()
    with pytest.raises(PayloadInvalidError) as caught:
        run.signal("approval", {"ok": "yes"})
    assert caught.value.details["errors"][0]["at"] == "/ok"
    with pytest.raises(StepNotFoundError, match="draft"):
        run.signal("draft", YES)
    with pytest.raises(SlugInvalidError):
        run.signal("no slug", YES)
    assert run.get().step("approval").status == "started"
    run.cancel()
    with pytest.raises(RunFinishedError):
        run.signal("approval", YES)


async def test_async_client_sends_signals_as_well(
    deployed: object, database_url: str, manifest: Manifest, worker: Any
) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run = await client.start("approved", None)
        assert await run.signal("approval", YES) == "kept"
        assert await client.signal(run.run_id, "approval", YES) == "repeated"
        assert await APPROVED.signals.approval.send(run.run_id, YES, client=client) == "repeated"


def test_run_that_begins_later_has_started_nothing(client: Client, worker: Any) -> None:
    run = client.start("approved", None, at=datetime.now(UTC) + timedelta(hours=1))
    assert worker.claim() == {}
    assert [step.status for step in run.get().steps] == ["created"] * 3
    run.cancel()


def test_time_without_a_zone_is_refused_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="no time zone"):
        client.start("approved", None, at=datetime(2030, 1, 1))  # noqa: DTZ001 - the point
    assert client.list() == ()
