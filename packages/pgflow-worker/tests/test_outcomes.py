"""How attempts end: retries, giving up, and results that cannot be stored."""

import asyncio
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, JsonValue
from tests.support.fix_worker import Engine, Serve

from pgflow_dsl import Flow, GiveUp, Retry
from pgflow_dsl.context import StepContext


async def test_a_failed_attempt_is_retried_after_its_back_off(engine: Engine, serve: Serve) -> None:
    flow = Flow("flaky", payload=int, max_attempts=3, base_delay=0.1, jitter=0)

    @flow.step
    async def work(n: int = flow.payload, ctx: StepContext = flow.context) -> int:
        if ctx.attempt < 3:
            raise ValueError(f"attempt {ctx.attempt} failed")
        return n

    async with serve(flow):
        run_id = engine.start("flaky", 7)
        run = await engine.ended(run_id)
    assert run["output"] == {"work": 7}
    attempts = engine.attempts(run_id, "work")
    assert [outcome for _, outcome, _ in attempts] == ["failed", "failed", "completed"]
    error = attempts[0][2]
    assert error["code"] == "PF603"
    assert error["type"] == "ValueError"
    assert error["message"] == "attempt 1 failed"
    assert "in work" in error["traceback"]
    assert "executor.py" not in error["traceback"]
    waits = engine.rows(
        "select extract(epoch from started_at - lag(ended_at) over (order by attempt)) "
        "from pgflow.attempts where run_id = %s",
        run_id,
    )
    assert waits[1][0] >= 0.1
    assert waits[2][0] >= 0.2


async def test_a_step_fails_when_its_attempts_are_used_up(engine: Engine, serve: Serve) -> None:
    flow = Flow("broken", payload=int, max_attempts=2, base_delay=0)

    @flow.step
    def work(n: int = flow.payload) -> int:
        return n // 0

    async with serve(flow):
        run_id = engine.start("broken", 7)
        run = await engine.ended(run_id)
    assert run["status"] == "failed"
    assert "ZeroDivisionError" in str(run["error"])
    assert len(engine.attempts(run_id, "work")) == 2


async def test_give_up_is_not_retried(engine: Engine, serve: Serve) -> None:
    flow = Flow("given_up", payload=int, max_attempts=5, base_delay=0)

    @flow.step
    def work(n: int = flow.payload) -> int:
        raise GiveUp("the recording is silent")

    async with serve(flow):
        run_id = engine.start("given_up", 7)
        run = await engine.ended(run_id)
    assert run["status"] == "failed"
    ((_, outcome, error),) = engine.attempts(run_id, "work")
    assert (outcome, error["type"]) == ("failed", "GiveUp")
    assert error["message"] == "the recording is silent"


async def test_retry_says_when(engine: Engine, serve: Serve) -> None:
    flow = Flow("patient", payload=int, base_delay=100, jitter=0)

    @flow.step
    async def work(n: int = flow.payload, ctx: StepContext = flow.context) -> int:
        if ctx.attempt == 1:
            raise Retry("not ready", after=0.15)
        return n

    async with serve(flow):
        run_id = engine.start("patient", 7)
        run = await engine.ended(run_id)
    assert run["output"] == {"work": 7}


def bad_results() -> Flow[int]:
    flow = Flow("bad_results", payload=int, max_attempts=3, base_delay=0)

    @flow.step
    async def nul(n: int = flow.payload) -> str:
        return "a\x00b"

    @flow.step
    def surrogate(n: int = flow.payload) -> str:
        return "\ud800"

    @flow.step
    async def infinite(n: int = flow.payload) -> float:
        return float("inf")

    @flow.step
    async def wrong_type(n: int = flow.payload) -> int:
        return "seven"  # type: ignore[return-value]

    @flow.step
    def beyond_numeric(n: int = flow.payload) -> JsonValue:
        return 10**140_000

    @flow.step
    def not_a_number(n: int = flow.payload) -> dict[str, float]:
        return {"a": float("nan")}

    @flow.step
    def deep(n: int = flow.payload) -> JsonValue:
        nested: JsonValue = []
        for _ in range(600):
            nested = [nested]
        return nested

    return flow


async def test_a_result_that_cannot_be_stored_fails_its_own_step_once(
    engine: Engine, serve: Serve
) -> None:
    flow = bad_results()
    single = [_only(flow, slug) for slug in flow.steps]
    good = Flow("good", payload=int)

    @good.step
    async def fine(n: int = good.payload) -> int:
        return n

    async with serve(*single, good):
        good_runs = engine.start_many("good", list(range(20)))
        bad_runs = [engine.start(flow.slug, 1) for flow in single]
        for run_id in good_runs:
            assert (await engine.ended(run_id))["status"] == "completed"
        for run_id, bad in zip(bad_runs, single, strict=True):
            run = await engine.ended(run_id)
            assert run["status"] == "failed", bad.slug
            ((_, outcome, error),) = engine.attempts(run_id, next(iter(bad.steps)))
            assert (outcome, error["code"]) == ("failed", "PF601"), bad.slug


def _only(flow: Flow[int], slug: str) -> Flow[int]:
    """The one step as a flow of its own, so that its failure ends no other one's run."""
    alone = Flow(f"only_{slug}", payload=int, max_attempts=3, base_delay=0)
    fn = flow.steps[slug].fn
    fn.__defaults__ = (alone.payload,)
    alone.step(fn)
    return alone


async def test_what_the_database_refuses_fails_alone(engine: Engine, serve: Serve) -> None:
    flow = Flow("mixed", payload=int, base_delay=0)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    # An encoder with a fault: valid JSON, but nothing that jsonb can hold.
    step = flow.steps["work"]
    encode = step.encode_result
    step.encode_result = (  # type: ignore[method-assign]
        lambda value: b'"\\u0000"' if value == 13 else encode(value)
    )
    async with serve(flow):
        run_ids = engine.start_many("mixed", list(range(50)))
        runs = [await engine.ended(run_id) for run_id in run_ids]
    statuses = [run["status"] for run in runs]
    assert statuses.count("completed") == 49
    assert statuses[13] == "failed"
    ((_, _, error),) = engine.attempts(run_ids[13], "work")
    assert error["code"] == "PF601"
    assert "refused" in error["message"]


class Label(BaseModel):
    text: Annotated[str, Field(max_length=5)]
    copies: Annotated[list[int], Field(max_length=3)] = []


async def test_what_does_not_fit_the_schema_fails_its_step_alone_and_is_not_retried(
    engine: Engine, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    flow = Flow("labels", payload=int, max_attempts=5, base_delay=0)

    @flow.step
    async def write(n: int = flow.payload) -> Label:
        # pydantic does not look at bounds when it writes
        return Label.model_construct(text="x" * n, copies=[n] * n)

    async with serve(flow):
        run_ids = engine.start_many("labels", [1, 2, 3, 4, 5, 6])
        runs = [await engine.ended(run_id) for run_id in run_ids]
    assert [run["status"] for run in runs] == ["completed"] * 3 + ["failed"] * 3
    ((attempt, outcome, error),) = engine.attempts(run_ids[5], "write")
    assert (attempt, outcome, error["code"]) == (1, "failed", "PF606")
    assert {fault["at"] for fault in error["errors"]} == {"/copies", "/text"}
    told = [record for record in caplog.records if record.message == "the step failed"]
    assert len(told) == 3
    assert all("does not fit its schema: at /" in vars(one)["reason"] for one in told)


async def test_a_result_beyond_the_budget_fails_its_step(engine: Engine, serve: Serve) -> None:
    flow = Flow("large", payload=int, max_attempts=5, base_delay=0)

    @flow.step(max_result_bytes=10_000)
    async def grow(n: int = flow.payload) -> str:
        return "x" * n

    async with serve(flow):
        run_ids = engine.start_many("large", [9_000, 11_000])
        runs = [await engine.ended(run_id) for run_id in run_ids]
    assert [run["status"] for run in runs] == ["completed", "failed"]
    ((_, _, error),) = engine.attempts(run_ids[1], "grow")
    assert error["code"] == "PF607"


def endings() -> dict[str, type[BaseException]]:
    return {
        "cancelled": asyncio.CancelledError,
        "system_exit": SystemExit,
        "interrupt": KeyboardInterrupt,
        "generator_exit": GeneratorExit,
        "stop": StopIteration,
        "stop_async": StopAsyncIteration,
        "memory": MemoryError,
    }


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_no_exception_of_a_handler_is_lost(engine: Engine, serve: Serve, kind: str) -> None:
    flows: list[Flow[int]] = []
    for name, error_type in endings().items():
        flow = Flow(f"ends_by_{name}", payload=int, max_attempts=1)
        if kind == "async":
            flow.step(slug="ends")(_async_raiser(flow, error_type))
        else:
            flow.step(slug="ends")(_sync_raiser(flow, error_type))
        flows.append(flow)
    async with serve(*flows):
        run_ids = [engine.start(flow.slug, 1) for flow in flows]
        for run_id, error_type in zip(run_ids, endings().values(), strict=True):
            assert (await engine.ended(run_id))["status"] == "failed"
            ((_, outcome, error),) = engine.attempts(run_id, "ends")
            assert (outcome, error["code"]) == ("failed", "PF603")
            # Python itself makes a RuntimeError of a StopIteration that leaves a coroutine.
            assert error["type"] in (error_type.__name__, "RuntimeError")


def _async_raiser(flow: Flow[int], error_type: type[BaseException]) -> Any:
    async def ends(n: int = flow.payload) -> int:
        raise error_type

    return ends


def _sync_raiser(flow: Flow[int], error_type: type[BaseException]) -> Any:
    def ends(n: int = flow.payload) -> int:
        raise error_type

    return ends


async def test_an_error_text_is_made_storable_and_short(engine: Engine, serve: Serve) -> None:
    flow = Flow("odd_errors", payload=int, max_attempts=1)

    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    @flow.step
    async def work(n: int = flow.payload) -> int:
        if n == 0:
            raise OddError
        if n == 1:
            raise ValueError(
                "nul \x00, half \ud800, postgresql://ann:hunter2@db/app " + "x" * 50_000
            )

        def deeper() -> None:
            deeper()

        deeper()
        return n

    async with serve(flow):
        run_ids = engine.start_many("odd_errors", [0, 1, 2])
        for run_id in run_ids:
            assert (await engine.ended(run_id))["status"] == "failed"
    errors = [engine.attempts(run_id, "work")[0][2] for run_id in run_ids]
    assert "could not be read" in errors[0]["message"]
    assert "hunter2" not in str(errors[1])
    assert "postgresql://ann:****@db/app" in errors[1]["message"]
    assert len(errors[1]["message"]) < 2_200
    assert len(errors[1]["traceback"]) < 8_200
    assert errors[2]["type"] == "RecursionError"


async def test_arguments_that_do_not_fit_fail_the_step_once(engine: Engine, serve: Serve) -> None:
    flow = Flow("loose", payload=int, max_attempts=3, base_delay=0)

    @flow.step
    async def work(n: int = flow.payload) -> int:
        return n

    async with serve(flow):
        # Nothing but a direct write gets past the checks of client and engine.
        with engine.conn.transaction():
            run_id = engine.start("loose", 1)
            engine.conn.execute(
                "update pgflow.runs set payload = '\"seven\"' where run_id = %s", [run_id]
            )
        assert (await engine.ended(run_id))["status"] == "failed"
    ((_, _, error),) = engine.attempts(run_id, "work")
    assert error["code"] == "PF605"
