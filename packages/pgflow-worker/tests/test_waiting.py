"""Signals and sleeps under a real worker: woken in time, and no handler waits."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow


class Approval(BaseModel):
    """What somebody decided."""

    ok: bool


def seconds_between(run: dict[str, Any]) -> float:
    started, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    return (ended - started).total_seconds()


async def test_sleeps_end_long_before_the_next_regular_sweep(engine: Engine, serve: Serve) -> None:
    flow = Flow("sleepy", payload=float)
    first = flow.sleep("first", seconds=0.2)

    @flow.step(after=(first,))
    def plan(wait: float = flow.payload) -> float:
        return wait

    second = flow.sleep("second", until=plan.result)

    @flow.step(after=(second,))
    def act() -> str:
        return "done"

    async with serve(flow, lease=60):
        run = await engine.ended(engine.start("sleepy", 0.3))
    assert run["output"] == {"act": "done"}
    # the worker sweeps every 5 s by itself
    assert 0.5 <= seconds_between(run) < 3


async def test_signal_wakes_an_idle_worker(engine: Engine, serve: Serve) -> None:
    flow = Flow("approved", payload=int)
    approval = flow.signal("approval", Approval)

    @flow.step
    def publish(decision: Approval = approval.result) -> bool:
        return decision.ok

    async with serve(flow) as worker:
        assert len(worker.loaded.handlers) == 1
        run_id = engine.start("approved", 1)
        await engine.until(
            "select exists (select from pgflow.workers where status = 'running' and idle)"
        )
        payload = json.dumps({"ok": True})
        engine.value("select pgflow.send_signal(%s, 'approval', %s::jsonb)", run_id, payload)
        assert (await engine.ended(run_id))["output"] == {"publish": True}


async def test_run_begins_later_by_itself(engine: Engine, serve: Serve) -> None:
    flow = Flow("later", payload=int)

    @flow.step
    def act(n: int = flow.payload) -> int:
        return n

    async with serve(flow, lease=60):
        at = datetime.now(UTC) + timedelta(seconds=0.4)
        run_id = engine.value("select pgflow.start_flow('later', '7', p_start_at => %s)", at)
        run = await engine.ended(run_id)
    assert run["output"] == {"act": 7}
    assert 0.3 <= seconds_between(run) < 3


async def test_deadline_stops_the_handler_that_runs(engine: Engine, serve: Serve) -> None:
    flow = Flow("late", payload=int, deadline=0.3)

    @flow.step
    async def hang(n: int = flow.payload) -> int:
        await asyncio.sleep(60)
        return n

    async with serve(flow, lease=1):
        run_id = engine.start("late", 1)
        run = await engine.ended(run_id)
        assert (run["status"], run["error"]["code"]) == ("failed", "PF620")
        await engine.until("select not exists (select from pgflow.leases)")
