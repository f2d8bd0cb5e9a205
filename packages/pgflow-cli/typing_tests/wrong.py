"""Wrong uses of a generated client: every marked line must be reported by every checker."""

from flows_client import Color, Nested, Node, OrdersOrder, Report, import_, orders, trips
from pgflow_client import AsyncClient, Client


def payloads(client: Client, right: OrdersOrder) -> None:
    import_.run({}, client=client)  # error
    import_.run({"text": 1}, client=client)  # error
    import_.run({"text": "a", "more": 1}, client=client)  # error
    import_.run(right, client=client)  # error
    import_.run("a", client=client)  # error
    import_.run_many([{}], client=client)  # error
    orders.run({"placed": "2026-01-02T12:00:00Z", "lines": []}, client=client)  # error
    orders.run({"order_id": "a", "placed": "2026", "lines": []}, client=client)  # error
    orders.run({"order-id": "a", "placed": "2026", "lines": [{}]}, client=client)  # error
    orders.run({"order-id": "", "placed": "", "lines": [], "gift": 1}, client=client)  # error


def results(client: Client, right: OrdersOrder) -> None:
    run = orders.run(right, client=client)
    print(run.result("reprot"))  # error
    print(run.result(right["placed"]))  # error
    number: int = run.result("report")  # error
    node: Node = run.result("report")  # error
    print(number, node)
    print(run.result("report")["totla"])  # error
    print(run.result("report")["total"].upper())  # error
    print(run.result("tree")["items"][0]["nmae"])  # error
    print(run.result("lists")["list"][0] + 1)  # error
    print(run.result("paid")["digits"])  # error
    print(run.result("priced")["total"])  # error
    print(run.output()["summed"][0].upper())  # error
    print(run.wait().output["pair"])  # error
    print(run.wait().output["report"]["totla"])  # error
    print(run.output()["list"]["total"])  # error
    level: str = run.output()["report"]["level"]  # error
    color: Color = "blue"  # error
    nested: Nested = ["a"]  # error
    print(level, color, nested)
    single = import_.run({"text": "a"}, client=client)
    print(single.result("two"))  # error
    text: str = single.result("only")  # error
    print(text)


async def asynchronous(client: AsyncClient, right: OrdersOrder) -> None:
    await import_.run({}, client=client)  # error
    run = await orders.run(right, client=client)
    print(await run.result("reprot"))  # error
    report: Report = await run.result("tree")  # error
    print(report, (await run.output())["reprot"])  # error


def waiting(client: Client) -> None:
    run = trips.run(3, client=client)
    signals = trips.signals
    signals.approval.send(run.run_id, {"by": "Ada"}, client=client)  # error
    signals.approval.send(run.run_id, {"approved": "yes", "by": None}, client=client)  # error
    signals.approval.send(run.run_id, [1], client=client)  # error
    signals.approval.send(run, {"approved": True, "by": None}, client=client)  # error
    signals.list_.send(run.run_id, None, client=client)  # error
    signals.approve.send(run.run_id, [1], client=client)  # error
    orders.signals.approval  # error
    print(run.result("list")[0])  # error
    print(run.output()["brought"]["row"])  # error
    print(run.output()["seat"]["sku"])  # error


async def waiting_too(client: AsyncClient) -> None:
    run = await trips.run(3, client=client)
    await trips.signals.list_.send(run.run_id, ["a"], client=client)  # error
