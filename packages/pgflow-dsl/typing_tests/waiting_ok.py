"""Signals, sleeps and sub-flows as they are meant to be written."""

from __future__ import annotations

from datetime import UTC, datetime

from pgflow_dsl import Flow, Step, StepTime, TestRun, at
from pydantic import BaseModel
from typing_extensions import assert_type


class Plan(BaseModel):
    """When to go on, and with what."""

    at: datetime
    seconds: float
    text: str


class Approval(BaseModel):
    """What somebody decided."""

    ok: bool


plans: Flow[Plan] = Flow("plans", payload=Plan)


@plans.step
def draft(plan: Plan = plans.payload) -> Plan:
    return plan


approval = plans.signal("approval", Approval, after=(draft,))
soon = plans.signal("soon", Approval, timeout=60)
pause = plans.sleep("pause", seconds=90)
later = plans.sleep("later", until=draft.result.at)
while_ = plans.sleep("while_", until=plans.payload.seconds)
assert_type(approval, Step[Approval])
assert_type(soon, "Step[Approval | None]")
assert_type(pause, Step[None])

words: Flow[str] = Flow("words", payload=str)


@words.step
def count(text: str = words.payload) -> int:
    return len(text)


counted = plans.sub_flow("counted", words, payload=plans.payload.text, result=count)
maybe = plans.sub_flow("maybe", words, payload=plans.payload.text, result=count, on_failure="skip")
assert_type(counted, Step[int])
assert_type(maybe, "Step[int | None]")


@plans.step(after=(pause, later, while_))
def publish(
    decision: Approval = approval.result,
    other: Approval | None = soon.result,
    length: int = counted.result,
    other_length: int | None = maybe.result,
) -> bool:
    return decision.ok and other is not None and length == other_length


urgent = draft.result.seconds > 1
skippable = plans.signal("skippable", Approval, when=urgent)
spelled = plans.signal("spelled", Approval, when=urgent, when_unmet="skip", timeout=5)
cascading = plans.signal("cascading", Approval, when=urgent, when_unmet="skip_cascade")
timed = plans.signal("timed", Approval, when=urgent, when_unmet="fail", timeout=5)
nap = plans.sleep("nap", seconds=1, when=urgent)
needed_nap = plans.sleep("needed_nap", until=draft.result.at, when=urgent, when_unmet="fail")
assert_type(skippable, "Step[Approval | None]")
assert_type(spelled, "Step[Approval | None]")
assert_type(cascading, Step[Approval])
assert_type(timed, "Step[Approval | None]")
assert_type(nap, Step[None])
assert_type(needed_nap, Step[None])

if_urgent = plans.sub_flow(
    "if_urgent", words, payload=plans.payload.text, result=count, when=urgent, after=(nap,)
)
strictly = plans.sub_flow(
    "strictly",
    words,
    payload=plans.payload.text,
    result=count,
    when=urgent,
    when_unmet="skip_cascade",
    on_failure="skip_cascade",
)
either = plans.sub_flow(
    "either",
    words,
    payload=plans.payload.text,
    result=count,
    when=urgent,
    when_unmet="fail",
    on_failure="skip",
)
assert_type(if_urgent, "Step[int | None]")
assert_type(strictly, Step[int])
assert_type(either, "Step[int | None]")


ran = plans.test(
    Plan(at=datetime.now(UTC), seconds=1, text="a"),
    signals={approval: Approval(ok=True), soon: at(30, Approval(ok=True))},
    replace={counted: lambda: 3, count: lambda: 3},
    now=datetime(2026, 1, 1, tzinfo=UTC),
)
assert_type(ran, TestRun)
assert_type(ran.result(approval), Approval)
assert_type(ran.times["pause"], StepTime)
assert_type(ran.times["pause"].took, float)
assert_type(ran.elapsed, float)
assert_type(ran.now, datetime)
