"""Signals, sleeps and sub-flows as they are meant to be written."""

from __future__ import annotations

from datetime import datetime

from pgflow_dsl import Flow, Step
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
