"""`Flow.run`: the DSL starts real runs by a client, and gives results in the types of the steps."""

import asyncio
import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from pydantic import BaseModel, Field

from pgflow_client import AsyncClient, Client, StepNotCompletedError
from pgflow_dsl import AsyncStartedRun, Flow, StartedRun, compile_flows
from pgflow_manifest import (
    Manifest,
    PayloadInvalidError,
    PgflowError,
    RunIdTakenError,
    dump_manifest,
)
from pgflow_worker import Worker


class Color(enum.Enum):
    RED = "red"


class Order(BaseModel):
    number: int = Field(alias="orderNumber")
    placed: dt.date


class Label(BaseModel):
    color: Color
    due: dt.date


class Missing(Exception):  # noqa: N818 - raised by a handler, for the test
    """What the handler raises."""


flow = Flow("run_from_a_flow", payload=Order, max_attempts=1)


@flow.step
def label(order: Order = flow.payload) -> Label:
    return Label(color=Color.RED, due=order.placed + dt.timedelta(days=order.number))


@flow.step
async def days(due: dt.date = label.result.due, n: int = flow.payload.number) -> tuple[int, int]:
    if n == 0:
        raise Missing
    return due.day, n


other = Flow("other", payload=int)


@other.step
def nothing(n: int = other.payload) -> None:
    return None


PAYLOAD = Order(orderNumber=3, placed=dt.date(2026, 1, 30))


@pytest.fixture
def manifest(conn: psycopg.Connection) -> Manifest:
    """Return the manifest of the flow, which is deployed."""
    manifest = compile_flows([flow])
    conn.execute("select pgflow.deploy(%s::jsonb)", [dump_manifest(manifest).decode()])
    return manifest


@pytest.fixture
def client(manifest: Manifest, database_url: str) -> Iterator[Client]:
    with Client(database_url, manifest=manifest) as client:
        yield client


def work(database_url: str) -> None:
    Worker([flow], database_url, drain=True).run_sync()


def test_a_run_is_typed_by_payload_and_steps(client: Client, database_url: str) -> None:
    run_id = uuid.uuid4()
    run = flow.run(PAYLOAD, client=client, run_id=run_id)
    assert isinstance(run, StartedRun)
    assert run.run_id == run_id
    assert repr(run) == f"<run {run_id} of flow 'run_from_a_flow'>"
    work(database_url)
    assert run.result(label) == Label(color=Color.RED, due=dt.date(2026, 2, 2))
    assert run.wait(1).result(days, timeout=1) == (2, 3)
    with pytest.raises(KeyError, match="not a step of the flow"):
        run.result(nothing)
    with pytest.raises(RunIdTakenError):
        flow.run(PAYLOAD, client=client, run_id=run_id)


async def test_an_async_client_is_awaited(manifest: Manifest, database_url: str) -> None:
    async with AsyncClient(database_url, manifest=manifest) as client:
        run = await flow.run(PAYLOAD, client=client)
        assert isinstance(run, AsyncStartedRun)
        assert repr(run) == f"<run {run.run_id} of flow 'run_from_a_flow'>"
        await asyncio.wait_for(Worker([flow], database_url, drain=True).run(), 15)
        assert await run.result(days) == (2, 3)
        assert (await (await run.wait()).result(label)).color is Color.RED
        with pytest.raises(KeyError):
            await run.result(nothing)


def test_a_payload_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    wrong: Any = {"orderNumber": "three", "placed": "2026-01-30"}
    no_client: Any = None
    with pytest.raises(PayloadInvalidError, match="/orderNumber"):
        flow.run(wrong, client=no_client)
    not_an_order: Any = 5
    with pytest.raises(PayloadInvalidError, match="`Order` was declared"):
        flow.run(not_an_order, client=no_client)


def test_plain_json_is_taken_as_well(client: Client, database_url: str) -> None:
    plain: Any = {"orderNumber": 1, "placed": "2026-01-30"}
    run = flow.run(plain, client=client)
    work(database_url)
    assert run.result(label).due == dt.date(2026, 1, 31)


def test_a_step_that_failed_has_no_result(client: Client, database_url: str) -> None:
    run = flow.run(Order(orderNumber=0, placed=dt.date(2026, 1, 30)), client=client)
    work(database_url)
    assert run.result(label).color is Color.RED
    with pytest.raises(StepNotCompletedError, match="days"):
        run.result(days)


def test_a_result_of_another_version_is_told(client: Client, database_url: str) -> None:
    changed = Flow("run_from_a_flow", payload=Order)

    @changed.step(slug="label")
    def label_number(number: int = changed.payload.number) -> int:
        return number

    run = changed.run(PAYLOAD, client=client)
    work(database_url)
    with pytest.raises(
        PgflowError, match=r"does not fit the type that the step has here: /: "
    ) as c:
        run.result(label_number)
    assert "another version of the flow" in str(c.value)
