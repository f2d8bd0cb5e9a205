"""Correct uses of the DSL: no checker may report anything, and every type is the right one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Sequence
from typing import Any, Literal
from uuid import UUID

from pgflow_dsl import Flow, GiveUp, Retry, Step, StepContext, TestRun, compile_flows
from shared import Counts, Span, Summary, Transcription, VoiceMemo, dicts, flow, spans, texts
from typing_extensions import assert_type


@flow.step
async def transcribe(memo: VoiceMemo = flow.payload) -> Transcription:
    if not memo.object_name:
        raise GiveUp("no recording")
    return Transcription(transcription=memo.object_name, seconds=1.5)


@flow.step(max_attempts=5, base_delay=0.5, max_delay=60, jitter=0.1, timeout=30)
async def summarize(
    t: Transcription = transcribe.result,
    owner: str = flow.payload.owner_id,
    ctx: StepContext = flow.context,
) -> Summary:
    assert_type(ctx.run_id, UUID)
    assert_type(ctx.attempt, int)
    assert_type(ctx.deadline, dt.datetime | None)
    assert_type(ctx.is_cancelled, bool)
    ctx.raise_if_cancelled()
    ctx.log.info("summarizing for %s", owner)
    if ctx.attempt < ctx.max_attempts:
        raise Retry("not yet", after=2.5)
    return Summary(summary=t.transcription)


@flow.step
def capitalize(text: str = transcribe.result.transcription) -> str:
    return text.upper()


@flow.step
def words(text: str = transcribe.result.transcription) -> list[str]:
    return text.split()


@flow.step
def first_word(word: str = words.result[0]) -> str:
    return word


@flow.step
def pair(word: str = first_word.result, all_words: Sequence[str] = words.result) -> tuple[str, int]:
    return word, len(all_words)


@flow.step
def number(n: int = pair.result[1]) -> int:
    return n


@flow.step
def counts(all_words: list[str] = words.result) -> Counts:
    return {"words": len(all_words), "by_letter": {"a": 1}}


@flow.step
def letters(n: int = counts.result["by_letter"]["a"], maybe: int | None = number.result) -> float:
    return n if maybe is None else n + maybe


@flow.step
def nothing() -> None:
    return None


@flow.step(slug="clean_up", after=(nothing, summarize))
async def clean() -> None:
    return None


@flow.step
def deferred(s: Summary = summarize.result) -> Awaitable[str]:
    async def work() -> str:
        return s.summary

    return work()


@flow.step
async def merge(
    s: Summary = summarize.result,
    loud: str = capitalize.result,
    ended: None = nothing.result,
) -> dict[str, str | None]:
    return {"summary": s.summary, "loud": loud, "ended": ended}


@flow.step
def either(t: Transcription = transcribe.result) -> Summary | Transcription:
    return t


@flow.step
def mode(it: Summary | Transcription = either.result) -> Literal["short", "long"]:
    return "short" if isinstance(it, Summary) else "long"


@flow.step(timeout=1)
async def settled(m: Literal["short", "long"] = mode.result) -> Literal["yes"] | Span | None:
    return "yes" if m == "short" else None


assert_type(either, Step[Summary | Transcription])
assert_type(mode, Step[Literal["short", "long"]])
assert_type(settled, Step[Literal["yes"] | Span | None])
assert_type(transcribe, Step[Transcription])
assert_type(summarize, Step[Summary])
assert_type(capitalize, Step[str])
assert_type(words, Step[list[str]])
assert_type(pair, Step[tuple[str, int]])
assert_type(counts, Step[Counts])
assert_type(nothing, Step[None])
assert_type(clean, Step[None])
assert_type(deferred, Step[str])
assert_type(merge, Step[dict[str, str | None]])
assert_type(transcribe.result.transcription, str)
assert_type(words.result[0], str)
assert_type(pair.result[1], int)
assert_type(counts.result["by_letter"]["a"], int)
assert_type(flow, Flow[VoiceMemo])
assert_type(flow.payload.owner_id, str)


@dicts.step
def count(n: int = dicts.payload["words"], whole: Counts = dicts.payload) -> int:
    return n + whole["words"]


@spans.step
def length(start: int = spans.payload.start, span: Span = spans.payload) -> int:
    return span.end - start


@texts.step
def join(all_texts: list[str] = texts.payload, first: str = texts.payload[0]) -> str:
    return first.join(all_texts)


def fake_transcribe(memo: VoiceMemo) -> Transcription:
    return Transcription(transcription=memo.object_name, seconds=0)


async def fake_summarize() -> Summary:
    return Summary(summary="short")


run = flow.test(
    VoiceMemo(object_name="a.wav", owner_id="me"),
    replace={transcribe: fake_transcribe, summarize: fake_summarize, words: lambda: ["a"]},
)
assert_type(run, TestRun)
assert_type(run.result(transcribe), Transcription)
assert_type(run.result(words), list[str])
assert_type(dicts.test({"words": 1, "by_letter": {"a": 1}}).result(count), int)
manifest = compile_flows([flow, dicts, spans])
several: list[Flow[Any]] = [flow, dicts]


async def in_async_code() -> None:
    again = await flow.test_async(VoiceMemo(object_name="a", owner_id="b"))
    assert_type(again.result(merge), dict[str, str | None])
