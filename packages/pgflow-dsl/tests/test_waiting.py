"""Signals and sleeps: what stands in the manifest, what is refused, what a test run does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from pgflow_dsl import Flow, FlowTestFailedError, each, is_null
from pgflow_manifest import (
    DefinitionError,
    DuplicateStepError,
    HandlerSignatureError,
    InvalidSlugError,
    OptionOutOfRangeError,
    PayloadInput,
    ResultInput,
    ResultTypeError,
    UnknownDepError,
)


class Approval(BaseModel):
    """What somebody decided."""

    ok: bool


class Plan(BaseModel):
    """When to go on."""

    at: datetime
    wait: float
    what: str


flow = Flow("approved", payload=Plan)


@flow.step
def draft(plan: Plan = flow.payload) -> Plan:
    """Write it."""
    return plan


approval = flow.signal("approval", Approval, after=(draft,), description="Somebody decides.")
second = flow.signal("second", Approval, timeout=60)
pause = flow.sleep("pause", seconds=90, after=(draft,))
until = flow.sleep("until_then", until=draft.result.at)
for_a_while = flow.sleep("for_a_while", until=flow.payload.wait)


@flow.step(after=(pause, until, for_a_while))
def publish(
    decision: Approval = approval.result, other: Approval | None = second.result
) -> tuple[bool, bool]:
    """Do it."""
    return decision.ok, other is not None


def test_manifest_says_what_they_wait_for() -> None:
    compiled = flow.compile()
    signal = compiled.step("approval")
    assert (signal.kind, signal.deps, signal.inputs) == ("signal", ("draft",), {})
    assert (signal.description, signal.options.timeout_seconds) == ("Somebody decides.", None)
    assert signal.result_schema["properties"]["ok"] == {"title": "Ok", "type": "boolean"}
    assert compiled.step("second").options.timeout_seconds == 60
    assert {"type": "null"} in compiled.step("second").result_schema["anyOf"]
    sleep = compiled.step("pause")
    assert (sleep.kind, sleep.seconds, sleep.until, sleep.deps) == ("sleep", 90, None, ("draft",))
    assert compiled.step("until_then").until == ResultInput(step="draft", path=("at",))
    assert compiled.step("until_then").deps == ("draft",)
    assert compiled.step("for_a_while").until == PayloadInput(path=("wait",))
    assert compiled.step("publish").deps == tuple(
        sorted(["approval", "for_a_while", "pause", "second", "until_then"])
    )


PLAN = Plan(at=datetime(2030, 1, 1, tzinfo=UTC), wait=5, what="x")


def test_in_memory_the_test_says_what_is_sent_and_no_time_passes() -> None:
    run = flow.test(PLAN, replace={approval: lambda: Approval(ok=True)})
    assert run.result(publish) == (True, False)
    assert run.result(pause) is None


def test_in_memory_a_signal_that_nobody_sends_fails_and_says_how_to_send_it() -> None:
    with pytest.raises(FlowTestFailedError, match=r"signals=\{approval"):
        flow.test(PLAN)


def test_what_is_sent_in_memory_must_fit() -> None:
    with pytest.raises(FlowTestFailedError, match="approval"):
        flow.test(PLAN, replace={approval: lambda: "yes"})


def a_flow() -> Flow[Plan]:
    return Flow("wrong", payload=Plan)


def test_slug_is_checked_as_of_any_step() -> None:
    wrong = a_flow()
    wrong.signal("answer", Approval)
    with pytest.raises(DuplicateStepError, match=r"test_waiting\.py"):
        wrong.sleep("answer", seconds=1)
    with pytest.raises(InvalidSlugError):
        wrong.signal("no slug", Approval)


def test_type_that_is_no_json_is_refused() -> None:
    with pytest.raises(ResultTypeError, match="answer"):
        a_flow().signal("answer", object)  # type: ignore[type-var]


def test_timeout_must_be_in_range() -> None:
    with pytest.raises(OptionOutOfRangeError, match="timeout"):
        a_flow().signal("answer", Approval, timeout=-1)


@pytest.mark.parametrize("end", [{}, {"seconds": 1, "until": 2.0}, {"seconds": -1}])
def test_end_of_a_sleep_is_said_once_and_possible(end: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="seconds"):
        a_flow().sleep("pause", **end)


def test_until_is_a_part_of_the_payload_or_of_a_result() -> None:
    with pytest.raises(HandlerSignatureError, match="until"):
        a_flow().sleep("pause", until=datetime.now(UTC))
    with pytest.raises(UnknownDepError, match="until"):
        a_flow().sleep("pause", until=draft.result.at)


def test_until_must_be_a_time_or_a_number() -> None:
    wrong = a_flow()
    with pytest.raises(DefinitionError, match="until"):
        wrong.sleep("pause", until=wrong.payload.what)  # type: ignore[call-overload]


def test_what_the_engine_reads_must_stand_in_the_json_which_knows_no_defaults() -> None:
    class Loose(BaseModel):
        wait: float = 5
        text: str = "a"

    loose = Flow("loose", payload=Loose)
    with pytest.raises(HandlerSignatureError, match="need not have") as caught:
        loose.sleep("pause", until=loose.payload.wait)
    assert "let a step return it" in (caught.value.hint or "")
    with pytest.raises(HandlerSignatureError, match="need not have"):
        loose.sub_flow("called", inner, payload=loose.payload.text, result=shout)


inner = Flow("inner", payload=str)


@inner.step
def shout(text: str = inner.payload) -> str:
    return text.upper()


@inner.step
def measure(text: str = shout.result) -> int:
    return len(text)


outer = Flow("outer", payload=Plan)
called = outer.sub_flow("called", inner, payload=outer.payload.what, result=measure)
maybe = outer.sub_flow("maybe", inner, payload=outer.payload.what, result=shout, on_failure="skip")


@outer.step
def total(length: int = called.result, text: str | None = maybe.result) -> str:
    return f"{text} {length}"


def test_manifest_names_the_sub_flow_and_the_step_whose_result_is_taken() -> None:
    step = outer.compile().step("called")
    assert (step.kind, step.flow, step.flow_step) == ("flow", "inner", "measure")
    assert step.inputs == {"payload": PayloadInput(path=("what",))}
    assert step.result_schema == {"type": "integer"}
    assert outer.compile().step("maybe").on_failure == "skip"


def test_sub_flow_runs_in_memory_as_well() -> None:
    run = outer.test(PLAN.model_copy(update={"what": "abc"}))
    assert (run.result(called), run.result(total)) == (3, "ABC 3")


def test_payload_of_a_sub_flow_must_fit_it() -> None:
    wrong = a_flow()
    with pytest.raises(HandlerSignatureError, match="payload"):
        wrong.sub_flow("called", inner, payload=wrong.payload.wait, result=shout)  # type: ignore[misc]


def test_result_is_of_a_step_of_the_sub_flow() -> None:
    wrong = a_flow()
    with pytest.raises(UnknownDepError, match="inner"):
        wrong.sub_flow("called", inner, payload=wrong.payload.what, result=draft)


asking = Flow("asking", payload=Plan)
urgent = asking.payload.wait < 10


@asking.step
def prepare(plan: Plan = asking.payload) -> Plan:
    return plan


asked = asking.signal("asked", Approval, when=(prepare.result.wait < 10) & (urgent))
cascading = asking.signal("cascading", Approval, when=urgent, when_unmet="skip_cascade")
nap = asking.sleep("nap", seconds=60, when=urgent, when_unmet="fail", after=(prepare,))
shouted = asking.sub_flow("shouted", inner, payload=asking.payload.what, result=shout, when=urgent)


@asking.step
def gather(
    decision: Approval | None = asked.result,
    needed: Approval = cascading.result,
    text: str | None = shouted.result,
) -> str:
    return f"{decision} {needed} {text}"


def test_conditions_of_what_waits_stand_in_the_manifest_and_name_deps() -> None:
    compiled = asking.compile()
    step = compiled.step("asked")
    assert (step.deps, step.when_unmet, step.may_be_null) == (("prepare",), "skip", True)
    assert step.result_schema == approval.result_json_type().schema
    assert compiled.step("cascading").may_cascade
    assert compiled.step("nap").when == compiled.step("shouted").when is not None
    assert compiled.step("nap").when_unmet == "fail"


def test_dependent_of_what_may_not_wait_takes_none() -> None:
    wrong = a_flow()
    maybe = wrong.signal("maybe", Approval, when=wrong.payload.wait < 10)
    with pytest.raises(HandlerSignatureError, match=r"`Approval \| None`"):

        @wrong.step
        def use(decision: Approval = maybe.result) -> bool:  # type: ignore[assignment]
            return decision.ok


def test_condition_of_what_waits_is_checked_as_any_other() -> None:
    wrong = a_flow()
    with pytest.raises(HandlerSignatureError, match=r"step 'pause' .*never holds"):
        wrong.sleep("pause", seconds=1, when=is_null(wrong.payload.what))
    with pytest.raises(HandlerSignatureError, match="no condition that could be unmet"):
        wrong.signal("answer", Approval, when_unmet="fail")  # type: ignore[call-overload]
    assert not wrong.steps


def test_what_is_sent_is_compiled_as_a_payload_and_so_is_the_result_of_its_sub_flow() -> None:
    class Word(BaseModel):
        text: str
        loud: bool = True

    inner = Flow("inner", payload=int)
    said = inner.signal("said", Word, timeout=5)
    outer = Flow("outer", payload=int)
    taken = outer.sub_flow("taken", inner, payload=outer.payload, result=said)
    sent = inner.compile().step("said").result_schema
    assert sent["$defs"]["Word"]["required"] == ["text"]
    assert outer.compile().step("taken").result_schema == sent
    assert outer.test(1, signals={said: {"text": "go"}}).result(taken) == Word(text="go")
    many = Flow("many", payload=list[int])
    each_taken = many.map_sub_flow("each", inner, payload=each[many.payload], result=said)
    items = many.compile().step("each").result_schema
    assert items["$defs"]["Word"]["required"] == ["text"]
    run = many.test([1, 2], signals={said: {"text": "go"}})
    assert run.result(each_taken) == [Word(text="go")] * 2
