"""Ending a worker: drain, release, second request, the process's own signals."""

import asyncio
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.support.fix_worker import Engine, Serve, SpawnWorker

from pgflow_dsl import Flow
from pgflow_worker import Worker

FLOWS = Path(__file__).parent / "flows"


def napping(name: str = "napping") -> Flow[float]:
    flow = Flow(name, payload=float)

    @flow.step
    async def nap(seconds: float = flow.payload) -> str:
        await asyncio.sleep(seconds)
        return "rested"

    return flow


async def test_running_handlers_may_end_within_the_grace_period(
    engine: Engine, serve: Serve
) -> None:
    flow = napping()
    async with serve(flow, concurrency=2) as worker:
        engine.start_many("napping", [0.2] * 5)
        await worker.signals.claimed.wait()
        worker.stop()
        assert await worker.signals.draining.wait() == 2
    assert engine.value("select count(*) from pgflow.runs where status = 'completed'") == 2
    assert engine.value("select count(*) from pgflow.tasks") == 3
    assert engine.value("select count(*) from pgflow.leases") == 0
    assert engine.value("select array_agg(status) from pgflow.workers") == ["stopped"]


async def test_what_does_not_end_is_released_and_not_counted(engine: Engine, serve: Serve) -> None:
    flow = napping()
    async with serve(flow, grace=0.1) as worker:
        run_id = engine.start("napping", 30)
        await worker.signals.claimed.wait()
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "nap")] == ["released"]
    assert engine.run(run_id)["status"] == "started"
    assert engine.rows("select attempts_count from pgflow.tasks") == [(0,)]


async def test_a_second_request_releases_at_once(engine: Engine, serve: Serve) -> None:
    flow = napping()
    began = time.monotonic()
    async with serve(flow, grace=60) as worker:
        run_id = engine.start("napping", 30)
        await worker.signals.claimed.wait()
        worker.stop()
        await worker.signals.draining.wait()
        worker.stop()
    assert time.monotonic() - began < 10
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "nap")] == ["released"]


async def test_a_result_in_spite_of_the_cancellation_counts(engine: Engine, serve: Serve) -> None:
    flow = Flow("hurries", payload=int)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return n
        return -1

    async with serve(flow, grace=0.1) as worker:
        run_id = engine.start("hurries", 5)
        await worker.signals.claimed.wait()
    assert engine.run(run_id)["output"] == {"work": 5}


async def test_a_sync_handler_that_does_not_end_is_released_over_its_head(
    engine: Engine, serve: Serve
) -> None:
    flow = Flow("hangs", payload=int)
    release = threading.Event()

    @flow.step
    def work(n: int = flow.payload) -> int:
        release.wait(20)
        return n

    async with serve(flow, grace=0.1) as worker:
        run_id = engine.start("hangs", 5)
        await worker.signals.claimed.wait()
    assert worker.running_handlers == 1
    release.set()
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "work")] == ["released"]


async def test_cancelling_run_releases_what_it_holds(engine: Engine, database_url: str) -> None:
    flow = napping()
    engine.deploy(flow)
    run_id = engine.start("napping", 30)
    worker = Worker([flow], database_url)
    worker.signals.listen()
    task = asyncio.create_task(worker.run())
    await worker.signals.claimed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [outcome for _, outcome, _ in engine.attempts(run_id, "nap")] == ["released"]
    assert engine.value("select array_agg(status) from pgflow.workers") == ["stopped"]


def test_sigterm_drains_the_process(engine: Engine, spawn_worker: SpawnWorker) -> None:
    worker = spawn_worker(FLOWS, "--deploy")
    worker.wait_for("serving")
    run_id = engine.start("slow", 0.4)
    engine.until_blocking("select count(*) = 1 from pgflow.leases")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(10) == 0
    assert engine.run(run_id)["status"] == "completed"
    assert worker.wait_for("stopping")["message"].startswith("stopping: 1 handlers")
    worker.wait_for("stopped")


@pytest.mark.stress
def test_two_sigints_end_a_process_whose_handlers_ignore_everything(
    engine: Engine, spawn_worker: SpawnWorker
) -> None:
    worker = spawn_worker(FLOWS, "--deploy", "--grace", "30")
    worker.wait_for("serving")
    run_id = engine.start("stubborn", 60)
    engine.until_blocking("select count(*) = 2 from pgflow.leases")
    worker.process.send_signal(signal.SIGINT)
    worker.wait_for("stopping")
    worker.process.send_signal(signal.SIGINT)
    assert worker.process.wait(10) == 0
    assert engine.run(run_id)["status"] == "started"
    assert engine.value("select count(*) from pgflow.tasks where attempts_count = 0") == 2
