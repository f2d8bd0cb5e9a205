"""Correct conditions and failure policies: nothing is reported, and every type is the right one."""

from __future__ import annotations

from typing import Literal

from pgflow_dsl import (
    Flow,
    RunError,
    Step,
    contains,
    each,
    is_null,
    length,
    not_,
    one_of,
    or_else,
)
from pydantic import BaseModel
from typing_extensions import assert_type


class Call(BaseModel):
    kind: Literal["audio", "text"]
    urgent: bool
    note: str | None
    tags: list[str]


class Score(BaseModel):
    value: float
    label: str


calls = Flow("calls", payload=Call, backoff="fixed")


@calls.step(backoff="exponential", start_delay=5)
def classify(note: str | None = calls.payload.note) -> Score:
    return Score(value=0.5, label=note or "")


@calls.step(when=(classify.result.value > 0.8) & (calls.payload.kind == "audio"))
def praise(label: str = classify.result.label) -> str:
    return label


@calls.step(when=calls.payload.urgent | is_null(calls.payload.note), when_unmet="skip")
async def hurry() -> int:
    return 1


@calls.step(when=not_(contains(calls.payload.tags, "spam")), when_unmet="skip_cascade")
def store(label: str = classify.result.label) -> str:
    return label


@calls.step(when=length(calls.payload.tags) < 10, when_unmet="fail", on_failure="skip_cascade")
def few(label: str = classify.result.label) -> str:
    return label


@calls.step(when=one_of(classify.result.label, ["a", "b"]), on_failure="skip")
def either() -> str:
    return ""


@calls.step(when=or_else(calls.payload.note, "") != "", when_unmet="fail", on_failure="skip")
def noted() -> str:
    return ""


@calls.step(on_failure="skip", max_attempts=5)
def risky() -> Score:
    return Score(value=1, label="")


@calls.step(on_failure="skip_cascade")
def needed() -> Score:
    return Score(value=1, label="")


@calls.map(on_failure="skip")
def tag(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.map(when=contains(classify.result.label, "x"))
async def maybe_tag(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.map(when=calls.payload.urgent, on_failure="skip")
def maybe_tag_some(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.map(when=calls.payload.urgent, when_unmet="skip_cascade", on_failure="skip")
def tag_some(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.map(when=calls.payload.urgent, when_unmet="fail")
def tag_all(name: str = each[calls.payload.tags]) -> str:
    return name


@calls.step
def together(
    praised: str | None = praise.result,
    hurried: int | None = hurry.result,
    stored: str = store.result,
    score: Score | None = risky.result,
    value: float = needed.result.value,
    tags: list[str | None] = tag.result,
    maybe: list[str] | None = maybe_tag.result,
) -> str:
    return f"{praised} {hurried} {stored} {score} {value} {tags} {maybe}"


@calls.on_failure
def tell(
    error: RunError = calls.error,
    step: str | None = calls.error.step,
    call: Call = calls.payload,
    score: Score | None = classify.if_completed,
    praised: str | None = praise.if_completed,
) -> str:
    return f"{error.message} {step} {call} {score} {praised}"


others = Flow("others", payload=Call)


@others.step(when=others.payload.kind != "text")
def only() -> int:
    return 1


@others.on_failure(max_attempts=5, base_delay=1, backoff="fixed")
async def tell_others(error: RunError = others.error) -> None:
    return None


assert_type(praise, Step[str | None])
assert_type(hurry, Step[int | None])
assert_type(store, Step[str])
assert_type(few, Step[str])
assert_type(either, Step[str | None])
assert_type(noted, Step[str | None])
assert_type(risky, Step[Score | None])
assert_type(needed, Step[Score])
assert_type(tag, Step[list[str | None]])
assert_type(maybe_tag, Step[list[str] | None])
assert_type(maybe_tag_some, Step[list[str | None] | None])
assert_type(tag_some, Step[list[str | None]])
assert_type(tag_all, Step[list[str]])
assert_type(tell, Step[str])
assert_type(tell_others, Step[None])
assert_type(classify.if_completed, Score | None)
