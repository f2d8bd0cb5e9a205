"""Correct uses of a generated client: no checker may report anything."""

import asyncio
from typing import Literal

from flows_client import (
    Approval,
    Card,
    Cash,
    Color,
    ImportOrder,
    LineResult,
    ListType,
    Nested,
    Node,
    OrdersOrder,
    OrdersOutput,
    OrdersResults,
    PageLine,
    Report,
    Seat,
    import_,
    orders,
    trips,
)
from pgflow_client import (
    AsyncClient,
    Client,
    Json,
    RunHandle,
    RunSnapshot,
    SignalOutcome,
    SignalRef,
)
from typing_extensions import assert_type


def synchronous(client: Client) -> None:
    run = orders.run(
        {
            "order-id": "0d8bd7e1-8d8c-4c0e-9b7c-3d6f1d3c1a11",
            "placed": "2026-01-02T12:00:00Z",
            "lines": [{"sku": "mug", "price": 3}, {"sku": "cup", "price": "2.50", "count": 2}],
            "color": "red",
        },
        client=client,
    )
    assert_type(run, RunHandle[OrdersOutput, OrdersResults])
    ended = run.wait(timeout=3)
    assert_type(ended, RunSnapshot[OrdersOutput])
    assert_type(ended.output["report"]["total"], float)
    assert_type(ended.output["list"], list[Color])
    assert_type(run.output(timeout=3)["report"], Report)
    assert_type(run.result("pair"), list[int | str])
    assert_type(run.result("tree"), Node)
    assert_type(run.result("tree")["items"][0]["parent"], Node | None)
    assert_type(run.result("pages"), PageLine)
    assert_type(run.result("pages")["items"][0], LineResult)
    assert_type(run.result("pages")["items"][0]["price"], str)
    assert_type(run.result("nested"), Nested)
    assert_type(run.result("lists"), ListType)
    assert_type(run.result("lists")["more"]["a"]["list"], list[str])
    assert_type(run.result("anything"), dict[str, Json])
    assert_type(run.result("priced"), list[Report])
    assert_type(ended.output["summed"], list[list[float]])
    assert_type(run.result("report"), Report)
    assert_type(run.result("report")["level"], Literal["low", "high", 3])
    assert_type(run.result("report").get("note"), str | None)
    paid = run.result("paid")
    assert_type(paid, Card | Cash)
    if paid["kind"] == "card":
        assert_type(paid["digits"], str)
    again = orders.handle(run.run_id, client=client)
    assert_type(again.result("list"), list[Color])
    started = client.start(import_, {"text": "a"})
    assert_type(started.result("only"), None)


async def asynchronous(client: AsyncClient, payloads: list[OrdersOrder]) -> None:
    run = await orders.run(payloads[0], client=client)
    assert_type(await run.result("tree"), Node)
    assert_type((await run.wait()).output["report"], Report)
    assert_type((await run.output())["list"], list[Color])
    both = await asyncio.gather(run.result("pair"), run.result("lists"))
    assert_type(both[1], ListType)
    many = await orders.run_many(payloads, client=client)
    assert_type(await asyncio.create_task(many[0].result("nested")), Nested)


def one_step(client: Client, payload: ImportOrder) -> None:
    run = import_.run({"text": payload["text"]}, client=client)
    assert_type(run.result("only"), None)
    assert_type(run.wait().output["only"], None)


def waiting(client: Client) -> None:
    run = trips.run(3, client=client)
    sent = trips.signals.approval.send(run.run_id, {"approved": True, "by": None}, client=client)
    assert_type(sent, SignalOutcome)
    trips.signals.approval.send(run.run_id, {"approved": True}, client=client)
    assert_type(trips.signals.list_, SignalRef[list[int]])
    trips.signals.list_.send(str(run.run_id), [1, 2], client=client)
    assert_type(run.result("approval"), Approval)
    assert_type(run.result("list"), list[int] | None)
    assert_type(run.result("wait"), None)
    assert_type(run.output()["brought"], Seat | None)
    assert_type(run.output()["seat"], LineResult | None)
    assert_type(orders.signals, None)


async def waiting_too(client: AsyncClient) -> None:
    run = await trips.run(3, client=client)
    assert_type(await trips.signals.list_.send(run.run_id, [], client=client), SignalOutcome)
