"""A run from start to output: every kind of handler, every source of an argument."""

import asyncio
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, StepContext


class Memo(BaseModel):
    text: str
    owner: str = "ann"


@dataclass
class Transcription:
    text: str
    words: list[str]


def diamond() -> Flow[Memo]:
    flow = Flow("diamond", payload=Memo)

    @flow.step
    async def transcribe(memo: Memo = flow.payload) -> Transcription:
        await asyncio.sleep(0)
        return Transcription(text=memo.text, words=memo.text.split())

    @flow.step
    def summarize(words: list[str] = transcribe.result.words) -> str:
        return words[0]

    @flow.step
    async def capitalize(text: str = transcribe.result.text) -> str:
        return text.upper()

    @flow.step
    def merge(
        summary: str = summarize.result,
        loud: str = capitalize.result,
        owner: str = flow.payload.owner,
    ) -> dict[str, str]:
        return {"summary": summary, "loud": loud, "owner": owner}

    return flow


async def test_a_diamond_runs_to_its_output(engine: Engine, serve: Serve) -> None:
    async with serve(diamond()):
        run_id = engine.start("diamond", {"text": "hello big world", "owner": "bob"})
        run = await engine.ended(run_id)
    assert run["status"] == "completed"
    merged = {"summary": "hello", "loud": "HELLO BIG WORLD", "owner": "bob"}
    assert run["output"] == {"merge": merged}
    assert [step["attempts"] for step in run["steps"]] == [1, 1, 1, 1]


async def test_many_runs_complete_exactly_once(engine: Engine, serve: Serve) -> None:
    async with serve(diamond()):
        run_ids = engine.start_many("diamond", [{"text": f"memo {i}"} for i in range(200)])
        await engine.until("select count(*) = 200 from pgflow.runs where status = 'completed'")
    assert engine.run(run_ids[7])["output"]["merge"]["loud"] == "MEMO 7"
    assert engine.value("select count(*) from pgflow.attempts where outcome = 'completed'") == 800
    assert engine.value("select count(*) from pgflow.attempts") == 800
    assert engine.value("select count(*) from pgflow.leases") == 0


async def test_handlers_see_their_context(engine: Engine, serve: Serve) -> None:
    flow = Flow("contexts", payload=str, max_attempts=4)
    seen: dict[str, StepContext] = {}
    places: dict[str, str] = {}

    @flow.step(timeout=60)
    async def first(ctx: StepContext = flow.context) -> None:
        seen["first"] = ctx
        places["first"] = threading.current_thread().name
        assert asyncio.current_task() is not None

    @flow.step(after=(first,))
    def second(ctx: StepContext = flow.context) -> None:
        seen["second"] = ctx
        places["second"] = threading.current_thread().name

    async with serve(flow):
        run_id = engine.start("contexts", "x")
        await engine.ended(run_id)
    one, two = seen["first"], seen["second"]
    assert (one.run_id, one.flow_slug, one.step_slug) == (run_id, "contexts", "first")
    assert (one.attempt, one.max_attempts) == (1, 4)
    assert one.idempotency_key == f"{run_id}/first/0"
    assert one.deadline is not None
    assert 50 < (one.deadline - datetime.now(UTC)).total_seconds() <= 60
    assert two.deadline is None
    assert not one.is_cancelled
    assert places["first"] == "MainThread"
    assert places["second"].startswith("pgflow-handler")


async def test_every_log_line_of_a_handler_names_its_task(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    from pgflow_worker.logs import fields_of

    lines: list[tuple[str, dict[str, object]]] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.getMessage(), fields_of(record)))

    collector = Collector()
    user_logger = logging.getLogger("users.module")
    flow = Flow("logging_flow", payload=str)

    @flow.step
    async def by_context(ctx: StepContext = flow.context) -> None:
        ctx.log.warning("by context", extra={"size": 3})

    @flow.step(after=(by_context,))
    def in_thread() -> None:
        user_logger.warning("by any logger")

    for logger in (user_logger, logging.getLogger("pgflow.handler")):
        logger.addHandler(collector)
    try:
        async with serve(flow):
            run_id = engine.start("logging_flow", "x")
            await engine.ended(run_id)
    finally:
        for logger in (user_logger, logging.getLogger("pgflow.handler")):
            logger.removeHandler(collector)
    task = {"flow": "logging_flow", "run": str(run_id), "attempt": 1}
    assert lines == [
        ("by context", {**task, "step": "by_context", "size": 3}),
        ("by any logger", {**task, "step": "in_thread"}),
    ]


async def test_a_worker_that_drains_ends_when_nothing_is_left(
    engine: Engine, database_url: str
) -> None:
    from pgflow_worker import Worker

    flow = diamond()
    engine.deploy(flow)
    run_ids = engine.start_many("diamond", [{"text": f"memo {i}"} for i in range(20)])
    await asyncio.wait_for(Worker(flow_list(flow), database_url, drain=True).run(), 15)
    assert {engine.run(run_id)["status"] for run_id in run_ids} == {"completed"}
    assert engine.value("select array_agg(status) from pgflow.workers") == ["stopped"]


def flow_list(flow: Flow[Memo]) -> list[Flow[Memo]]:
    return [flow]


def test_a_worker_runs_from_sync_code(engine: Engine, database_url: str) -> None:
    from pgflow_worker import Worker

    run_id = None
    engine.deploy(diamond())
    run_id = engine.start("diamond", {"text": "a b"})
    Worker([diamond()], database_url, drain=True).run_sync()
    assert engine.run(run_id)["status"] == "completed"


async def test_a_worker_serves_only_the_steps_it_was_given(engine: Engine, serve: Serve) -> None:
    flow = diamond()
    async with serve(flow, only_steps=["diamond.transcribe", "diamond.capitalize"]) as worker:
        run_id = engine.start("diamond", {"text": "a b"})
        await engine.until("select count(*) = 2 from pgflow.attempts where run_id = %s", run_id)
        assert len(worker.loaded.handlers) == 2
        async with serve(flow, only_flows=["diamond"]):
            run = await engine.ended(run_id)
    assert run["status"] == "completed"
