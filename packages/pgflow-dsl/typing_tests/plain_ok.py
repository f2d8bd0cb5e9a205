"""Handlers without annotations, under the default settings of the checkers: nothing is reported.

The strict settings complain by their nature. pyright and pyrefly know what such handlers return;
mypy and ty take it for `Any`.
"""

from pgflow_dsl import Flow, StepContext
from shared import Summary, Transcription, VoiceMemo

flow = Flow("voice_memo", payload=VoiceMemo)


@flow.step
async def transcribe(memo=flow.payload):
    return Transcription(transcription=memo.object_name, seconds=1.5)


@flow.step(max_attempts=3)
async def summarize(t=transcribe.result):
    return Summary(summary=t.transcription)


@flow.step
def capitalize(text=transcribe.result.transcription, ctx=flow.context):
    ctx.log.info("capitalizing")
    return text.upper()


@flow.step(timeout=3)
def words(text=transcribe.result.transcription):
    return text.split()


@flow.step
def nothing(w=words.result):
    print(w)


@flow.step
def counted(w=words.result):
    return {"words": len(w), "first": w[0]}


@flow.step
async def merge(s=summarize.result, loud=capitalize.result, n=counted.result["words"]):
    if not n:
        return None
    return {"summary": s.summary, "loud": loud}


@flow.map
def shout(word=words.each, n=counted.result["words"]):
    return {"text": word.upper(), "of": n}


@flow.map(max_attempts=3)
async def shorten(text=shout.each["text"]):
    return text[:1]


@flow.step
def join(letters: list[str] = shorten.result, first=shorten.result[0]):
    return first + "".join(letters)


@flow.step
def half(
    s: Summary = summarize.result,
    w: list[str] = words.result,
    loud=capitalize.result,
    ended: None = nothing.result,
    ctx: StepContext = flow.context,
) -> str:
    return s.summary + loud + "".join(w)


@flow.step(after=(merge, half))
async def last():
    return 1


run = flow.test(VoiceMemo(object_name="a", owner_id="b"))
one: int = run.result(last)
text: str = run.result(half)
summary: Summary = run.result(summarize)
