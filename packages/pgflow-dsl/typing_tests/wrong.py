"""One fault per definition or line: every checker must report each, and nothing else.

`# error` marks the very line; `# error in statement` any line of the definition, since checkers
put a fault of a whole handler on its decorator, its name or its return type. (pyright reports a
wrong default twice: on its line, and on the decorator, to which it is then no default.)
"""

from __future__ import annotations

from pgflow_dsl import Flow, Retry, Step, StepContext
from shared import Counts, Custom, Summary, Transcription, VoiceMemo, dicts, flow
from typing_extensions import assert_type


@flow.step
async def transcribe(memo: VoiceMemo = flow.payload) -> Transcription:
    return Transcription(transcription=memo.object_name, seconds=1.5)


@flow.step
async def summarize(t: Transcription = transcribe.result) -> Summary:
    return Summary(summary=t.transcription)


@flow.step
def words(t: Transcription = transcribe.result) -> list[str]:
    return t.transcription.split()


# --- arguments -------------------------------------------------------------------------------


@flow.step
def wrong_dep_type(
    s: Summary = transcribe.result,  # error
) -> str:
    return s.summary


@flow.step
def wrong_field_type(
    n: int = transcribe.result.transcription,  # error
) -> int:
    return n


@flow.step
def no_source(t: Transcription) -> str:  # error in statement
    return t.transcription


@flow.step
def one_without_source(
    s: Summary, t: Transcription = transcribe.result
) -> str:  # error in statement
    return t.transcription + s.summary


@flow.step(max_attempts=2)
async def no_source_with_options(t: Transcription) -> str:  # error in statement
    return t.transcription


@flow.step
def swapped(
    t: Transcription = summarize.result,  # error
    s: Summary = transcribe.result,  # error
) -> str:
    return t.transcription + s.summary


@flow.step
def stale_step(
    t: Transcription = transcribbe.result,  # error
) -> str:
    return t.transcription


@flow.step
def stale_field(
    text: str = transcribe.result.transcriptoin,  # error
) -> str:
    return text


@flow.step
def stale_payload_field(
    owner: str = flow.payload.owner,  # error
) -> str:
    return owner


@dicts.step
def stale_key(
    n: int = dicts.payload["word"],  # error
) -> int:
    return n


@flow.step
def wrong_item(
    n: int = words.result[0],  # error
) -> int:
    return n


@flow.step
def step_for_its_result(
    t: Transcription = transcribe,  # error
) -> str:
    return t.transcription


@flow.step
def wrong_context(
    ctx: int = flow.context,  # error
) -> int:
    return ctx


@flow.step
def wrong_payload(
    memo: Counts = flow.payload,  # error
) -> int:
    return memo["words"]


@flow.step
def may_be_none(t: Transcription = transcribe.result) -> str | None:
    return t.transcription or None


@flow.step
def none_not_taken(
    text: str = may_be_none.result,  # error
) -> str:
    return text


# --- results ---------------------------------------------------------------------------------


@flow.step
def returns_set(t: Transcription = transcribe.result) -> set[str]:  # error in statement
    return set(t.transcription)


@flow.step
async def returns_customs(
    t: Transcription = transcribe.result,
) -> list[Custom]:  # error in statement
    return [Custom() for _ in t.transcription]


@flow.step(timeout=3)
async def returns_custom(t: Transcription = transcribe.result) -> Custom:  # error in statement
    return Custom()


@flow.step
def returns_bytes(t: Transcription = transcribe.result) -> bytes:  # error in statement
    return t.transcription.encode()


# --- options ---------------------------------------------------------------------------------


@flow.step(max_attemps=3)  # error in statement
def option_name(t: Transcription = transcribe.result) -> str:
    return t.transcription


@flow.step(max_attempts="3")  # error in statement
def option_value(t: Transcription = transcribe.result) -> str:
    return t.transcription


@flow.step(timeout="30s")  # error in statement
def option_value_float(t: Transcription = transcribe.result) -> str:
    return t.transcription


@flow.step(after=(words.result,))  # error in statement
def after_a_result(t: Transcription = transcribe.result) -> str:
    return t.transcription


# --- flows and runs --------------------------------------------------------------------------

payload_type = Flow("payload_type", payload=set[str])  # error
payload_class = Flow("payload_class", payload=Custom)  # error
no_payload = Flow("no_payload")  # error
flow_option = Flow("flow_option", payload=VoiceMemo, retries=3)  # error
flow_option_value = Flow("flow_option_value", payload=VoiceMemo, timeout="30s")  # error
memo = VoiceMemo(object_name="", owner_id="")
run = flow.test({"object_name": "a"})  # error
wrong_type: Summary = run.result(transcribe)  # error
length = len(run.result(summarize))  # error
called = transcribe()  # error
replaced = flow.test(memo, replace={"transcribe": words.fn})  # error
not_a_function = flow.test(memo, replace={words: ["a"]})  # error
assert_type(words, Step[str])  # error
late = Retry("later", after="soon")  # error


def uses_context(ctx: StepContext) -> None:
    ctx.attempts  # error
