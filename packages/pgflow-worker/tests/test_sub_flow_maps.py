"""Maps of sub-flows under a real worker: more items than may be open, and cancelling of all."""

from typing import Any

from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, each


def flows() -> tuple[Flow[Any], ...]:
    """Return outer -> inner, a run for each item; one that is below zero waits for a signal."""
    inner = Flow("inner", payload=int)
    gate = inner.signal("gate", int, when=inner.payload < 0)

    @inner.step
    def double(number: int = inner.payload, more: int | None = gate.result) -> int:
        return 2 * number + (more or 0)

    outer = Flow("outer", payload=list[int])
    called = outer.map_sub_flow("called", inner, payload=each[outer.payload], result=double)

    @outer.step
    def total(numbers: list[int] = called.result) -> int:
        return sum(numbers)

    return outer, inner


async def test_more_items_than_are_open_at_a_time(engine: Engine, serve: Serve) -> None:
    items = list(range(1_100))
    async with serve(*flows(), lease=60):
        run = await engine.ended(engine.start("outer", items))
    assert run["output"] == {"total": 2 * sum(items)}
    assert run["steps"][0]["result"] == [2 * number for number in items]
    assert engine.value("select count(*) from pgflow.runs") == 1_101


async def test_run_that_is_the_last_completes_the_list(engine: Engine, serve: Serve) -> None:
    async with serve(*flows(), lease=60):
        run_id = engine.start("outer", [1, -2, 3])
        await engine.until(
            "select (pgflow.get_run(%s) #>> '{steps,0,tasks,completed}') = '2'", run_id
        )
        [sub_run] = engine.run(run_id)["steps"][0]["sub_runs"]
        assert sub_run["task_index"] == 1
        engine.value("select pgflow.send_signal(%s, 'gate', '40')", sub_run["run_id"])
        run = await engine.ended(run_id)
    assert run["output"] == {"total": 2 + 36 + 6}


async def test_cancelling_goes_down_to_all(engine: Engine, serve: Serve) -> None:
    async with serve(*flows(), lease=60):
        run_id = engine.start("outer", [-1, -2, -3])
        await engine.until("select count(*) = 4 from pgflow.runs")
        engine.value("select pgflow.cancel_run(%s)", run_id)
        await engine.until("select not exists (select from pgflow.runs where status = 'started')")
    assert engine.value("select count(*) from pgflow.runs where status = 'cancelled'") == 4
