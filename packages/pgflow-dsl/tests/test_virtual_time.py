"""In memory, waiting takes no time, and everything happens at its time and in order."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import (
    Flow,
    FlowTestFailedError,
    GiveUp,
    Retry,
    RunError,
    StepContext,
    StepTime,
    TestRun,
    at,
    each,
)
from pgflow_manifest import InvalidArgumentError, RunDeadlineError, SleepInvalidError

NOON = datetime(2030, 1, 31, 12, tzinfo=UTC)


class Plan(BaseModel):
    """How long to wait, and until when."""

    wait: float = 0
    at: datetime = NOON


@contextmanager
def failing() -> Iterator[list[TestRun]]:
    """Expect the run to fail; give how far it came."""
    runs: list[TestRun] = []
    with pytest.raises(FlowTestFailedError) as caught:
        yield runs
    assert caught.value.run is not None
    runs.append(caught.value.run)


def test_sleeps_take_their_time_on_the_clock_and_none_outside() -> None:
    flow = Flow("f", payload=Plan)

    @flow.step
    def plan(it: Plan = flow.payload) -> Plan:
        return it

    hour = flow.sleep("hour", seconds=3600, after=(plan,))
    then = flow.sleep("then", until=plan.result.wait, after=(hour,))
    last = flow.sleep("last", until=plan.result.at, after=(then,))
    past = flow.sleep("past", until=plan.result.at, after=(last,))

    @flow.step(after=(past,))
    def done() -> int:
        return 1

    run = flow.test(Plan(wait=90.5, at=NOON + timedelta(days=1)), now=NOON)
    assert run.times == {
        "plan": StepTime(0, 0),
        "hour": StepTime(0, 3600),
        "then": StepTime(3600, 3690.5),
        "last": StepTime(3690.5, 86_400),
        "past": StepTime(86_400, 86_400),
        "done": StepTime(86_400, 86_400),
    }
    assert run.times["hour"].took == 3600
    assert (run.elapsed, run.now) == (86_400, NOON + timedelta(days=1))
    assert run.result(last) is None


def test_branches_go_on_by_the_clock_and_not_by_the_order_they_are_written_in() -> None:
    flow = Flow("f", payload=Plan, base_delay=10, max_attempts=3)
    order: list[str] = []
    long = flow.sleep("long", seconds=25)
    short = flow.sleep("short", seconds=5)

    @flow.step(after=(long,))
    async def after_long() -> None:
        order.append("after_long")

    @flow.step(start_delay=7, after=(short,))
    async def after_short() -> None:
        order.append("after_short")

    @flow.step
    def unsteady(ctx: StepContext = flow.context) -> None:
        order.append(f"unsteady {ctx.attempt}")
        if ctx.attempt < 3:
            raise ValueError

    run = flow.test(Plan())
    assert order == ["unsteady 1", "unsteady 2", "after_short", "after_long", "unsteady 3"]
    assert run.attempt_seconds["after_short"] == [12]
    assert run.attempt_seconds["unsteady"] == [0, 10, 30]
    assert run.times["after_short"] == StepTime(5, 12)
    assert (run.times["unsteady"], run.elapsed) == (StepTime(0, 30), 30)


def test_items_of_a_map_wait_each_for_itself() -> None:
    flow = Flow("f", payload=list[int], max_attempts=2)

    @flow.map(start_delay=100)
    def work(n: int = each[flow.payload], ctx: StepContext = flow.context) -> int:
        if ctx.attempt == 1 and n:
            raise Retry("later", after=n)
        return n

    run = flow.test([0, 50, 20])
    assert run.attempt_seconds["work"] == [100, 100, 100, 120, 150]
    assert (run.result(work), run.times["work"]) == ([0, 50, 20], StepTime(0, 150))
    assert flow.test([]).times["work"] == StepTime(0, 0)


def test_time_begins_now_unless_the_test_says_when() -> None:
    flow = Flow("f", payload=Plan)
    flow.sleep("pause", seconds=60)
    before = datetime.now(UTC)
    assert before + timedelta(seconds=60) <= flow.test(Plan()).now
    local = datetime(2026, 3, 29, 1, tzinfo=timezone(timedelta(hours=1)))
    assert flow.test(Plan(), now=local).now == local + timedelta(seconds=60)
    with pytest.raises(InvalidArgumentError, match="has no offset"):
        flow.test(Plan(), now=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_handlers_that_really_take_time_hold_the_clock_only_so_long() -> None:
    flow = Flow("f", payload=Plan)
    order: list[str] = []

    @flow.step
    async def real() -> None:
        await asyncio.sleep(0.05)
        order.append("real")

    hour = flow.sleep("hour", seconds=3600)

    @flow.step(after=(hour,))
    def later() -> None:
        order.append("later")

    assert flow.test(Plan()).times["real"] == StepTime(0, 0)
    assert order == ["real", "later"]


def test_no_time_passes_for_what_is_no_longer_wanted() -> None:
    inner = Flow("inner", payload=Plan, deadline=0.01)
    asked = inner.signal("asked", int, timeout=0.01)
    flow = Flow("f", payload=Plan)
    sub = flow.sub_flow("sub", inner, payload=flow.payload, result=asked)

    @flow.step
    async def real(n: int | None = sub.result) -> int | None:
        await asyncio.sleep(0.05)
        return n

    run = flow.test(Plan(), signals={asked: 1})
    assert (run.times["real"], run.elapsed) == (StepTime(0, 0), 0)


def test_run_that_waits_for_ever_tells_when_it_came_so_far() -> None:
    flow = Flow("f", payload=Plan)
    first = flow.signal("first", int, timeout=1000)
    flow.signal("second", int, after=(first,))
    with failing() as runs:
        flow.test(Plan(), signals={first: at(5, 1)}, now=NOON)
    assert (runs[0].elapsed, runs[0].now) == (5, NOON + timedelta(seconds=5))


def test_handler_that_never_ends_does_not_hold_up_what_is_due_in_a_moment() -> None:
    flow = Flow("f", payload=Plan)
    moment = flow.sleep("moment", seconds=0.01)

    @flow.step
    async def forever() -> None:
        await asyncio.Event().wait()

    @flow.step(after=(moment,))
    def fails() -> None:
        raise GiveUp("no")

    with failing() as runs:
        flow.test(Plan())
    assert runs[0].statuses == {"moment": "completed", "forever": "cancelled", "fails": "failed"}
    assert runs[0].times["forever"] == StepTime(0, None)
    with pytest.raises(ValueError, match="has not ended"):
        _ = runs[0].times["forever"].took


def a_flow_with_a_deadline() -> Flow[Plan]:
    flow = Flow("f", payload=Plan, deadline=60, max_attempts=9, base_delay=20, backoff="fixed")

    @flow.step
    def unsteady() -> None:
        raise ValueError

    flow.sleep("asleep", seconds=60, after=(flow.sleep("nap", seconds=1),))
    flow.signal("asked", int)

    @flow.on_failure
    def tell(error: RunError = flow.error) -> str:
        return f"{error.code} {error.step}"

    return flow


def test_deadline_fails_the_run_with_the_code_of_the_engine() -> None:
    flow = a_flow_with_a_deadline()
    with pytest.raises(FlowTestFailedError, match="has not ended by 2030-01-31 12:01:00") as caught:
        flow.test(Plan(), now=NOON)
    assert isinstance(caught.value.__cause__, RunDeadlineError)
    assert caught.value.step_slug is None
    run = caught.value.run
    assert run is not None
    assert run.error is not None
    assert (run.error.code, run.error.type, run.error.step) == ("PF620", "RunDeadlineError", None)
    assert run.attempts["unsteady"] == 3  # at 60 it is too late
    assert (run.elapsed, run.results["tell"]) == (60, "PF620 None")
    assert run.statuses == {
        "unsteady": "cancelled",
        "nap": "completed",
        "asleep": "cancelled",
        "asked": "cancelled",
        "tell": "completed",
    }


def test_sleep_that_ends_with_the_deadline_completes_the_run_in_time() -> None:
    flow = Flow("f", payload=Plan, deadline=60)
    flow.sleep("whole", seconds=60)
    assert flow.test(Plan()).elapsed == 60


def test_end_that_is_no_time_fails_the_sleep() -> None:
    flow = Flow("f", payload=Plan)

    @flow.step
    def plan():  # type: ignore[no-untyped-def]
        return {"at": None}

    result: Any = plan.result
    flow.sleep("pause", until=result["at"])
    with pytest.raises(
        FlowTestFailedError, match="neither a number of seconds nor a time"
    ) as caught:
        flow.test(Plan())
    assert isinstance(caught.value.__cause__, SleepInvalidError)


def test_time_without_an_offset_is_utc_as_in_the_engine() -> None:
    flow = Flow("f", payload=Plan)

    @flow.step
    def plan() -> datetime:
        return datetime(2030, 1, 31, 12, 0, 30)  # noqa: DTZ001 - what is tested

    pause = flow.sleep("pause", until=plan.result)
    assert flow.test(Plan(), now=NOON).times[pause.slug].took == 30


def test_waiting_steps_can_be_replaced_and_then_take_no_time() -> None:
    flow = Flow("f", payload=Plan)
    pause = flow.sleep("pause", seconds=3600)
    called: list[int] = []
    run = flow.test(Plan(), replace={pause: lambda: called.append(1)})
    assert (run.elapsed, called) == (0, [1])


def test_long_chain_of_steps_that_end_at_once_is_fine() -> None:
    flow = Flow("f", payload=Plan)
    before = flow.sleep("s0", seconds=1)
    for n in range(1, 2_000):
        before = flow.sleep(f"s{n}", seconds=0, after=(before,))
    assert flow.test(Plan()).elapsed == 1


def test_delay_beyond_all_time_is_a_long_delay() -> None:
    flow = Flow("f", payload=Plan)

    @flow.step
    def once(ctx: StepContext = flow.context) -> None:
        if ctx.attempt == 1:
            raise Retry("much later", after=1e300)

    run = flow.test(Plan())
    assert (run.elapsed, run.now.year) == (1e300, 9999)


def test_what_is_skipped_and_what_has_no_handler_takes_no_time() -> None:
    flow = Flow("f", payload=Plan)
    nap = flow.sleep("nap", seconds=60, when=flow.payload.wait > 1)
    run = flow.test(Plan())
    assert (run.times["nap"], run.skip_reasons) == (StepTime(0, 0), {"nap": "condition_unmet"})
    assert flow.test(Plan(wait=2)).times["nap"].took == 60
    del nap


def test_threads_are_told_that_their_result_is_no_longer_wanted() -> None:
    flow = Flow("f", payload=Plan, deadline=0.01)
    told: list[bool] = []

    @flow.step
    def blocks(ctx: StepContext = flow.context) -> None:
        told.append(ctx.cancel_event.wait(20))

    with failing():
        flow.test(Plan())
    assert told == [True]
