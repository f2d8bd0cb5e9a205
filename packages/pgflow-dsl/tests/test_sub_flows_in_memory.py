"""Sub-flows run in memory with the clock, the signals and the replacements of who starts them."""

from typing import Any

import pytest

from pgflow_dsl import Flow, FlowTestFailedError, GiveUp, RunError, StepTime, at, is_null
from pgflow_manifest import ResultInvalidError, SubFlowError

inner = Flow("inner", payload=str, deadline=500)
asked = inner.signal("asked", int, timeout=300)
rest = inner.sleep("rest", seconds=40, after=(asked,))


@inner.step(max_attempts=2, base_delay=7, after=(rest,))
def shout(text: str = inner.payload, number: int | None = asked.result) -> str:
    if text == "bad":
        raise GiveUp("bad text")
    return f"{text.upper()} {number}"


undone: list[str] = []


@inner.on_failure
def undo(error: RunError = inner.error) -> None:
    undone.append(error.message)


outer = Flow("outer", payload=str)
before = outer.sleep("before", seconds=100)
called = outer.sub_flow("called", inner, payload=outer.payload, result=shout, after=(before,))


@outer.step
def told(text: str = called.result) -> str:
    return f"<{text}>"


def test_clock_is_that_of_the_parent() -> None:
    run = outer.test("a", signals={asked: at(150, 7)})
    assert run.result(told) == "<A 7>"
    assert run.times["called"] == StepTime(100, 190)
    assert outer.test("a").times["called"] == StepTime(100, 440)


def test_signal_that_is_sent_before_the_sub_run_begins_comes_as_it_begins() -> None:
    assert outer.test("a", signals={asked: 1}).times["called"] == StepTime(100, 140)


def test_steps_of_sub_flows_can_be_replaced_as_well() -> None:
    run = outer.test("a", replace={shout: lambda text: text * 2, asked: lambda: None})
    assert run.result(told) == "<aa>"
    assert outer.test("a", replace={called: lambda: "x"}).elapsed == 100


def test_sub_run_that_fails_fails_the_step_once_and_runs_its_own_failure_handler() -> None:
    undone.clear()
    with pytest.raises(
        FlowTestFailedError, match=r"step 'called' failed: run .* has failed: bad"
    ) as c:
        outer.test("bad", signals={asked: 1})
    assert isinstance(c.value.__cause__, SubFlowError)
    assert isinstance(c.value.__cause__.__cause__, FlowTestFailedError)
    assert undone == ["bad text"]
    run = c.value.run
    assert run is not None
    assert run.error is not None
    assert (run.error.code, run.error.step, run.attempts["called"]) == ("PF630", "called", 0)


def test_deadline_of_the_sub_flow_counts_from_its_own_start() -> None:
    slow = Flow("slow", payload=str, deadline=50)
    pause = slow.sleep("pause", seconds=60)
    whole = Flow("whole", payload=str)
    first = whole.sleep("first", seconds=1000)
    maybe = whole.sub_flow(
        "maybe", slow, payload=whole.payload, result=pause, on_failure="skip", after=(first,)
    )
    run = whole.test("a")
    assert run.times["maybe"] == StepTime(1000, 1050)
    assert run.skip_reasons == {"maybe": "handler_failed"}
    assert "has not ended by" in run.failures["maybe"][0].message
    del maybe


def test_sub_run_of_a_run_that_ends_early_goes_no_further() -> None:
    ends = Flow("ends", payload=str)
    ends.sub_flow("called", inner, payload=ends.payload, result=shout)

    @ends.step(start_delay=10)
    def fails() -> None:
        raise GiveUp("enough")

    undone.clear()
    with pytest.raises(FlowTestFailedError, match="enough") as caught:
        ends.test("a")
    run = caught.value.run
    assert run is not None
    assert (run.elapsed, run.statuses["called"], undone) == (10, "cancelled", [])


def test_signal_that_a_sub_run_waits_for_is_named_with_its_flow() -> None:
    waits = Flow("waits", payload=str)
    needed = waits.signal("needed", int)
    starts = Flow("starts", payload=str)
    starts.sub_flow("called", waits, payload=starts.payload, result=needed)
    with pytest.raises(FlowTestFailedError, match="flow 'waits': step 'needed' waits"):
        starts.test("a")
    assert starts.test("a", signals={needed: 3}).output == {"called": 3}


def test_runs_may_be_inside_each_other_sixteen_deep() -> None:
    def nested(depth: int) -> Flow[str]:
        flow = Flow("f0", payload=str)
        last: Any = flow.sleep("end", seconds=1)
        for n in range(1, depth + 1):
            above = Flow(f"f{n}", payload=str)
            last = above.sub_flow("down", flow, payload=above.payload, result=last)
            flow = above
        return flow

    assert nested(16).test("a").elapsed == 1
    with pytest.raises(FlowTestFailedError, match="16 deep"):
        nested(17).test("a")


def test_skipped_step_of_a_sub_flow_gives_none_where_its_type_says_so() -> None:
    maybes = Flow("maybes", payload=str)

    @maybes.step(when=maybes.payload == "x")
    def may() -> int:
        return 1

    @maybes.step(when=maybes.payload == "x", when_unmet="skip_cascade")
    def must() -> int:
        return 1

    takes = Flow("takes", payload=str)
    taken = takes.sub_flow("taken", maybes, payload=takes.payload, result=may)

    @takes.step(when=is_null(taken.result))
    def none(it: int | None = taken.result) -> str:
        return f"{it}"

    assert takes.test("a").output == {"none": "None"}
    assert takes.test("x").output == {"none": None}

    needs = Flow("needs", payload=str)
    needs.sub_flow("needed", maybes, payload=needs.payload, result=must)
    with pytest.raises(FlowTestFailedError, match="'must' of flow 'maybes' was skipped") as caught:
        needs.test("a")
    assert isinstance(caught.value.__cause__, ResultInvalidError)
