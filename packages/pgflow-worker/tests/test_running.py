"""Many handlers at once: the cap, no waiting for the slowest, timeouts, cancellation, leases."""

import asyncio
import threading
import time
from typing import Any

import psycopg
import pytest
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, StepContext


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_never_more_handlers_than_the_cap(engine: Engine, serve: Serve, kind: str) -> None:
    flow = Flow("capped", payload=int)
    lock = threading.Lock()
    running, most = 0, 0

    def enter(change: int) -> None:
        nonlocal running, most
        with lock:
            running += change
            most = max(most, running)

    if kind == "async":

        @flow.step
        async def work(n: int = flow.payload) -> int:
            enter(1)
            await asyncio.sleep(0.005)
            enter(-1)
            return n
    else:

        @flow.step(slug="work")
        def work_in_thread(n: int = flow.payload) -> int:
            enter(1)
            time.sleep(0.005)
            enter(-1)
            return n

    async with serve(flow, concurrency=7):
        engine.start_many("capped", list(range(100)))
        await engine.until("select count(*) = 100 from pgflow.runs where status = 'completed'")
    assert most == 7


async def test_a_slow_handler_holds_nobody_up(engine: Engine, serve: Serve) -> None:
    flow = Flow("uneven", payload=int)
    release = asyncio.Event()

    @flow.step
    async def work(n: int = flow.payload) -> int:
        if n == 0:
            await release.wait()
        return n

    async with serve(flow, concurrency=5):
        run_ids = engine.start_many("uneven", list(range(40)))
        for run_id in run_ids[1:]:
            assert (await engine.ended(run_id))["status"] == "completed"
        assert engine.run(run_ids[0])["status"] == "started"
        release.set()
        assert (await engine.ended(run_ids[0]))["status"] == "completed"


async def test_an_async_handler_over_its_timeout_is_cancelled(engine: Engine, serve: Serve) -> None:
    flow = Flow("timed", payload=int, max_attempts=2, base_delay=0)
    cancelled: list[int] = []

    @flow.step(timeout=0.1)
    async def work(n: int = flow.payload, ctx: StepContext = flow.context) -> int:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(ctx.attempt)
            assert ctx.is_cancelled
            raise
        return n

    async with serve(flow):
        run_id = engine.start("timed", 1)
        run = await engine.ended(run_id)
    assert run["status"] == "failed"
    assert cancelled == [1, 2]
    error = engine.attempts(run_id, "work")[0][2]
    assert error["code"] == "PF602"
    assert "0.1 s" in error["message"]
    assert "in work" in error["traceback"]


async def test_a_handler_that_swallows_its_timeout_still_fails(
    engine: Engine, serve: Serve
) -> None:
    flow = Flow("stubborn_one", payload=int, max_attempts=1)

    @flow.step(timeout=0.1)
    async def work(n: int = flow.payload) -> int:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return n
        return n

    async with serve(flow):
        run_id = engine.start("stubborn_one", 1)
        assert (await engine.ended(run_id))["status"] == "failed"
    assert engine.attempts(run_id, "work")[0][2]["code"] == "PF602"


async def test_a_sync_handler_over_its_timeout_fails_and_keeps_its_slot(
    engine: Engine, serve: Serve
) -> None:
    flow = Flow("hanging", payload=int, max_attempts=1)
    release = threading.Event()
    saw_cancellation: list[bool] = []

    @flow.step(timeout=0.1)
    def work(n: int = flow.payload, ctx: StepContext = flow.context) -> int:
        if n == 0:
            release.wait(10)
            saw_cancellation.append(ctx.is_cancelled)
        return n

    async with serve(flow, concurrency=1) as worker:
        stuck = engine.start("hanging", 0)
        assert (await engine.ended(stuck))["status"] == "failed"
        assert engine.attempts(stuck, "work")[0][2]["code"] == "PF602"
        waiting = engine.start("hanging", 1)
        assert worker.running_handlers == 1
        assert engine.value("select count(*) from pgflow.leases") == 0
        release.set()
        assert (await engine.ended(waiting))["status"] == "completed"
    assert saw_cancellation == [True]


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_cancelled_run_stops_its_handler(engine: Engine, serve: Serve, kind: str) -> None:
    flow = Flow("cancellable", payload=int)
    stopped = threading.Event()

    if kind == "async":

        @flow.step(slug="work")
        async def work(n: int = flow.payload) -> int:
            try:
                await asyncio.sleep(30)
            finally:
                stopped.set()
            return n
    else:

        @flow.step(slug="work")
        def work_in_thread(n: int = flow.payload, ctx: StepContext = flow.context) -> int:
            ctx.cancel_event.wait(30)
            stopped.set()
            ctx.raise_if_cancelled()
            return n

    async with serve(flow, lease=0.6) as worker:
        run_id = engine.start("cancellable", 1)
        await worker.signals.claimed.wait()
        engine.value("select pgflow.cancel_run(%s)", run_id)
        await worker.signals.lease_lost.wait()
        assert await asyncio.to_thread(stopped.wait, 5)
    assert engine.run(run_id)["status"] == "cancelled"
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "work")] == ["cancelled"]


async def test_what_a_handler_brings_after_its_lease_was_lost_is_dropped(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    flow = Flow("loses", payload=int, max_attempts=5)
    attempts: list[int] = []

    @flow.step
    async def work(n: int = flow.payload, ctx: StepContext = flow.context) -> str:
        attempts.append(ctx.attempt)
        if ctx.attempt == 1:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                return "from the lost attempt"
        return "from the second attempt"

    async with serve(flow, lease=0.6) as worker:
        run_id = engine.start("loses", 1)
        await worker.signals.claimed.wait()
        # As if the worker had been away for too long.
        engine.conn.execute("update pgflow.leases set leased_until = now() - interval '1 hour'")
        engine.conn.execute("select pgflow.sweep()")
        run = await engine.ended(run_id)
    assert run["output"] == {"work": "from the second attempt"}
    outcomes = [outcome for _, outcome, _ in engine.attempts(run_id, "work")]
    assert outcomes == ["expired", "completed"]
    assert attempts == [1, 2]


async def test_a_blocked_event_loop_does_not_lose_the_lease(engine: Engine, serve: Serve) -> None:
    flow = Flow("blocking", payload=float, max_attempts=1)

    @flow.step
    async def work(seconds: float = flow.payload) -> str:
        time.sleep(seconds)  # noqa: ASYNC251 - that is what the test is about
        return "held"

    async with serve(flow, lease=0.4, beat=0.2) as worker:
        run_id = engine.start("blocking", 1.5)
        await engine.until("select status <> 'started' from pgflow.runs")
        extended = worker.signals.extended.wait_blocking(0.1)
    assert engine.run(run_id)["output"] == {"work": "held"}
    assert extended == 1
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "work")] == ["completed"]


async def test_a_worker_declared_dead_registers_again(engine: Engine, serve: Serve) -> None:
    flow = Flow("revived", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    async with serve(flow, beat=30):
        engine.conn.execute("update pgflow.workers set status = 'dead'")
        run_id = engine.start("revived", 3)
        run = await engine.ended(run_id)
        assert engine.value("select array_agg(status) from pgflow.workers") == ["running"]
    assert run["output"] == {"work": 3}


async def test_a_beat_revives_a_worker_that_only_waits(engine: Engine, serve: Serve) -> None:
    flow = Flow("waits", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    async with serve(flow, beat=0.2):
        engine.conn.execute("update pgflow.workers set status = 'dead'")
        await engine.until("select status = 'running' from pgflow.workers")


async def test_a_run_that_somebody_holds_locked_delays_nobody_else(
    engine: Engine, serve: Serve, connect: Any
) -> None:
    flow = Flow("locked", payload=int)
    go = asyncio.Event()

    @flow.step
    async def work(n: int = flow.payload) -> int:
        await go.wait()
        return n

    holder: psycopg.Connection = connect()
    async with serve(flow, lease=0.6, concurrency=20) as worker:
        run_ids = engine.start_many("locked", list(range(10)))
        await engine.until("select count(*) = 10 from pgflow.leases")
        with holder.transaction():
            holder.execute("select 1 from pgflow.runs where run_id = %s for update", [run_ids[0]])
            go.set()
            for run_id in run_ids[1:]:
                assert (await engine.ended(run_id))["status"] == "completed"
            assert engine.run(run_ids[0])["status"] == "started"
        assert (await engine.ended(run_ids[0]))["status"] == "completed"
        assert worker.running_handlers == 0


async def test_an_idle_worker_asks_rarely(engine: Engine, serve: Serve) -> None:
    flow = Flow("quiet", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    async with serve(flow) as worker:
        delays = [await worker.signals.idle.wait()]
        while len(delays) < 5:
            delays.append(await worker.signals.idle.wait())
        assert delays == sorted(delays)
        assert 0.15 < delays[-1] <= 0.32
        await engine.until("select idle from pgflow.workers")
        run_id = engine.start("quiet", 1)
        began = time.monotonic()
        await engine.ended(run_id)
        # Woken by NOTIFY: far sooner than the delay it was in.
        assert time.monotonic() - began < 0.15
