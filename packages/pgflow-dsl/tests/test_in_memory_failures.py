"""Attempts in memory fail, are repeated and end as they would in production."""

import asyncio
import threading
import time
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from tests.support.dsl_flows import Memo, flow_raising
from typing_extensions import TypedDict

from pgflow_dsl import (
    Cancelled,
    Flow,
    FlowTestFailedError,
    GiveUp,
    Retry,
    StepContext,
    each,
)
from pgflow_manifest import (
    HandlerRaisedError,
    HandlerTimeoutError,
    ResultInvalidError,
)


class Settings(TypedDict):
    mode: Literal["a", "b"]


@pytest.mark.parametrize("value", [{"mode": "c"}, {}])
def test_a_result_that_json_can_hold_but_its_type_cannot_is_refused(value: Any) -> None:
    flow = Flow("settings", payload=Memo)

    @flow.step
    def choose() -> Settings:
        return value  # type: ignore[no-any-return]

    with pytest.raises(FlowTestFailedError, match="does not fit its own type: /mode: ") as caught:
        flow.test(Memo(name=""))
    assert caught.value.attempts == 1
    assert isinstance(caught.value.__cause__, ResultInvalidError)
    assert caught.value.__cause__.details["errors"][0]["at"] == "/mode"


def test_attempts_are_made_at_once_whatever_the_back_off() -> None:
    flow, contexts = flow_raising(
        ValueError("a"), Retry("b", after=5_000), max_attempts=3, base_delay=1_000
    )
    before = time.monotonic()
    run = flow.test(Memo(name=""))
    assert time.monotonic() - before < 5
    assert run.results["after_it"] == 3
    assert run.attempts == {"work": 3, "after_it": 1}
    assert [context.attempt for context in contexts] == [1, 2, 3]


def test_a_step_that_uses_up_its_attempts_fails_the_test_with_the_cause() -> None:
    last = RuntimeError("still broken")
    flow, _ = flow_raising(ValueError("first"), last)
    with pytest.raises(FlowTestFailedError) as caught:
        flow.test(Memo(name=""))
    assert caught.value.__cause__ is last
    assert caught.value.message == (
        "flow 'unsteady': step 'work' failed after 2 attempts: RuntimeError: still broken"
    )
    assert (caught.value.flow_slug, caught.value.step_slug) == ("unsteady", "work")
    assert caught.value.details == {
        "flow": "unsteady",
        "step": "work",
        "task_index": 0,
        "attempts": 2,
    }


def test_giving_up_ends_the_step_at_once() -> None:
    flow, contexts = flow_raising(GiveUp("no such file"), max_attempts=9)
    with pytest.raises(FlowTestFailedError, match="after 1 attempt: GiveUp: no such file"):
        flow.test(Memo(name=""))
    assert len(contexts) == 1


@pytest.mark.parametrize("error", [Cancelled("gone"), asyncio.CancelledError()], ids=repr)
def test_a_handler_that_ends_as_cancelled_unasked_has_failed(error: BaseException) -> None:
    flow, _ = flow_raising(error)
    assert flow.test(Memo(name="")).attempts["work"] == 2
    flow, contexts = flow_raising(error, error)
    with pytest.raises(FlowTestFailedError, match="nobody asked it to stop") as caught:
        flow.test(Memo(name=""))
    assert isinstance(caught.value.__cause__, HandlerRaisedError)
    assert caught.value.__cause__.__cause__ is not None
    assert len(contexts) == 2


def test_the_context_tells_the_attempt() -> None:
    flow, contexts = flow_raising(timeout=60)
    run = flow.test(Memo(name=""))
    (context,) = contexts
    assert (context.flow_slug, context.step_slug) == ("unsteady", "work")
    assert (context.attempt, context.max_attempts) == (1, 2)
    assert context.run_id == run.run_id
    assert context.idempotency_key == f"{run.run_id}/{context.step_slug}/0"
    assert context.deadline is not None
    assert 0 < (context.deadline - datetime.now(UTC)).total_seconds() <= 60
    assert context.log.extra == {"run_id": str(run.run_id), "step_slug": "work", "attempt": 1}
    assert not context.is_cancelled
    context.raise_if_cancelled()
    context.cancel_event.set()
    assert context.is_cancelled
    with pytest.raises(Cancelled, match="step 'work' of run"):
        context.raise_if_cancelled()


def test_a_context_without_timeout_has_no_deadline() -> None:
    flow, contexts = flow_raising()
    flow.test(Memo(name=""))
    assert contexts[0].deadline is None


def test_a_timeout_fails_the_attempt() -> None:
    flow = Flow("slow", payload=Memo, max_attempts=1)

    @flow.step(timeout=0.01)
    async def wait() -> str:
        await asyncio.Event().wait()
        return ""

    with pytest.raises(FlowTestFailedError, match=r"longer than its timeout of 0\.01 s") as caught:
        flow.test(Memo(name=""))
    assert isinstance(caught.value.__cause__, HandlerTimeoutError)


def test_a_timeout_tells_a_handler_in_a_thread_and_does_not_wait_for_it() -> None:
    flow = Flow("hangs", payload=Memo, max_attempts=1, timeout=0.05)
    told = threading.Event()
    never = threading.Event()

    @flow.step
    def wait(context: StepContext = flow.context) -> None:
        context.cancel_event.wait()
        told.set()
        never.wait()

    with pytest.raises(FlowTestFailedError, match="ran longer than its timeout"):
        flow.test(Memo(name=""))
    assert told.wait(10)
    never.set()


def test_handlers_in_threads_do_not_wait_for_each_other() -> None:
    flow = Flow("together", payload=list[int])
    all_there = threading.Barrier(60)

    @flow.map
    def meet(n: int = each[flow.payload]) -> int:
        all_there.wait(10)
        return n

    assert flow.test(list(range(60))).result(meet) == list(range(60))


def test_what_pgflow_says_of_a_result_is_told_once() -> None:
    flow = Flow("wrong", payload=Memo)

    @flow.step
    def work() -> int:
        return "text"  # type: ignore[return-value]

    with pytest.raises(FlowTestFailedError, match="ResultNotSerializableError") as caught:
        flow.test(Memo(name=""))
    assert "mend" not in caught.value.message
    assert "says what is wrong" in (caught.value.hint or "")


def test_a_timeout_that_the_handler_raises_itself_is_its_own() -> None:
    own = TimeoutError("the service did not answer")
    flow, _ = flow_raising(own, own, timeout=60)
    with pytest.raises(FlowTestFailedError, match="TimeoutError: the service") as caught:
        flow.test(Memo(name=""))
    assert caught.value.__cause__ is own


def test_a_failure_stops_what_else_is_running() -> None:
    flow = Flow("stops", payload=Memo, max_attempts=1)
    stopped: list[bool] = []

    @flow.step
    async def waits() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.append(True)
            raise
        return ""

    @flow.step
    async def fails() -> str:
        raise ValueError("no")

    @flow.step
    async def never(a: str = waits.result, b: str = fails.result) -> str:
        return a + b

    with pytest.raises(FlowTestFailedError, match="step 'fails'"):
        flow.test(Memo(name=""))
    assert stopped == [True]


def test_retry_checks_its_delay() -> None:
    assert Retry("later").after is None
    assert Retry("later", after=0).reason == "later"
    for wrong in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="seconds must be a number of 0 or more"):
            Retry("later", after=wrong)
