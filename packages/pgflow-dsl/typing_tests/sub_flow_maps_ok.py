"""Maps of sub-flows as they are meant to be written."""

from __future__ import annotations

from dataclasses import dataclass

from pgflow_dsl import Flow, Step, each
from typing_extensions import assert_type


@dataclass
class Text:
    """What is counted."""

    text: str
    parts: list[Part]


@dataclass
class Part:
    """A part of it."""

    number: int
    text: str


words: Flow[str] = Flow("words", payload=str)


@words.step
def count(text: str = words.payload) -> int:
    return len(text)


texts: Flow[Text] = Flow("texts", payload=Text)


@texts.step
def split(text: str = texts.payload.text) -> list[str]:
    return text.split()


of_payload = texts.map_sub_flow(
    "of_payload", words, payload=each[texts.payload.parts].text, result=count, after=(split,)
)
assert_type(of_payload, "Step[list[int]]")
each_counted = texts.map_sub_flow("each_counted", words, payload=split.each, result=count)
some_counted = texts.map_sub_flow(
    "some_counted", words, payload=split.each, result=count, on_failure="skip"
)
when_counted = texts.map_sub_flow(
    "when_counted", words, payload=split.each, result=count, when=texts.payload.text != ""
)
some_when_counted = texts.map_sub_flow(
    "some_when_counted",
    words,
    payload=split.each,
    result=count,
    when=texts.payload.text != "",
    on_failure="skip",
)
must_be_counted = texts.map_sub_flow(
    "must_be_counted",
    words,
    payload=split.each,
    result=count,
    when=texts.payload.text != "",
    when_unmet="fail",
)
assert_type(each_counted, "Step[list[int]]")
assert_type(some_counted, "Step[list[int | None]]")
assert_type(when_counted, "Step[list[int] | None]")
assert_type(some_when_counted, "Step[list[int | None] | None]")
assert_type(must_be_counted, "Step[list[int]]")


@texts.step
def sum_up(lengths: list[int] = each_counted.result) -> int:
    return sum(lengths)


@texts.map
def twice(length: int = each_counted.each) -> int:
    return 2 * length
