"""Sub-flows under a real worker: results go up, failures go up, cancelling goes down."""

from typing import Any
from uuid import UUID

from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, GiveUp


def flows() -> tuple[Flow[str], Flow[str]]:
    """Return outer -> inner; inner fails for "bad" and waits for a signal for "slow"."""
    inner = Flow("inner", payload=str)

    @inner.step
    def check(text: str = inner.payload) -> str:
        if text == "bad":
            raise GiveUp("it is bad")
        return text

    gate = inner.signal("gate", int, after=(check,))

    @inner.step
    def shout(text: str = check.result, times: int = gate.result) -> str:
        return text.upper() * times

    outer = Flow("outer", payload=str)
    called = outer.sub_flow("called", inner, payload=outer.payload, result=shout)

    @outer.step
    def wrap(text: str = called.result) -> str:
        return f"<{text}>"

    return outer, inner


async def sub_run_of(engine: Engine, run_id: UUID) -> UUID:
    await engine.until("select exists (select from pgflow.sub_runs where run_id = %s)", run_id)
    found: UUID = engine.value("select sub_run_id from pgflow.sub_runs where run_id = %s", run_id)
    return found


def step_of(run: dict[str, Any], slug: str) -> dict[str, Any]:
    return next(step for step in run["steps"] if step["slug"] == slug)


async def test_step_completes_with_the_result_of_the_sub_run(engine: Engine, serve: Serve) -> None:
    async with serve(*flows(), lease=60):
        run_id = engine.start("outer", "hey")
        sub_run_id = await sub_run_of(engine, run_id)
        engine.value("select pgflow.send_signal(%s, 'gate', '2')", sub_run_id)
        run = await engine.ended(run_id)
    assert run["output"] == {"wrap": "<HEYHEY>"}
    sub_run = engine.run(sub_run_id)
    assert (sub_run["status"], sub_run["parent_run_id"]) == ("completed", str(run_id))
    assert sub_run["owner"] == run["owner"]
    assert step_of(run, "called")["sub_run_id"] == str(sub_run_id)


async def test_failure_of_the_sub_run_fails_the_step(engine: Engine, serve: Serve) -> None:
    async with serve(*flows(), lease=60):
        run = await engine.ended(engine.start("outer", "bad"))
    error = step_of(run, "called")["error"]
    assert (run["status"], error["code"], error["error"]["step"]) == ("failed", "PF630", "check")
    assert "it is bad" in error["message"]


async def test_cancelling_goes_down_and_up(engine: Engine, serve: Serve) -> None:
    async with serve(*flows(), lease=60):
        parent = engine.start("outer", "hey")
        child = await sub_run_of(engine, parent)
        engine.value("select pgflow.cancel_run(%s)", parent)
        assert (await engine.ended(child))["status"] == "cancelled"
        parent = engine.start("outer", "hey")
        engine.value("select pgflow.cancel_run(%s)", await sub_run_of(engine, parent))
        run = await engine.ended(parent)
    assert (run["status"], step_of(run, "called")["error"]["code"]) == ("failed", "PF630")


async def test_runs_inside_each_other_have_a_bottom(engine: Engine, serve: Serve) -> None:
    endless = Flow("endless", payload=int)

    @endless.step
    def count(number: int = endless.payload) -> int:
        return number + 1

    endless.sub_flow("again", endless, payload=count.result, result=count)
    async with serve(endless, lease=60):
        run = await engine.ended(engine.start("endless", 0))
    assert run["status"] == "failed"
    assert engine.value("select count(*) from pgflow.runs") == 17
    await engine.until("select not exists (select from pgflow.runs where status = 'started')")
    deepest = engine.value("select error from pgflow.runs where depth = 16")
    assert "16 deep" in deepest["message"]


async def test_unknown_sub_flow_fails_the_step_with_its_name(engine: Engine, serve: Serve) -> None:
    outer, _ = flows()
    async with serve(outer, lease=60):
        run = await engine.ended(engine.start("outer", "hey"))
    assert step_of(run, "called")["error"]["code"] == "PF630"
    assert "'inner'" in step_of(run, "called")["error"]["message"]
