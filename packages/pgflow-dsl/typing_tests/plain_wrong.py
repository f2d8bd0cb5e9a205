"""Mistakes in handlers without annotations: pyright and pyrefly, which infer them, report each."""

from pgflow_dsl import Flow
from shared import Custom, Summary, Transcription, VoiceMemo

flow = Flow("voice_memo", payload=VoiceMemo)


@flow.step
async def transcribe(memo=flow.payload):
    return Transcription(transcription=memo.object_name, seconds=1.5)


@flow.step
def summarize(t=transcribe.result):
    return Summary(summary=t.transcription)


@flow.step
def stale_payload_field(owner=flow.payload.owner):  # error in statement by pyright, pyrefly, ty
    return owner


@flow.step
def stale_field(text=transcribe.result.transcriptoin):  # error in statement by pyright, pyrefly
    return text


@flow.step
def wrong_use(t=transcribe.result):
    return t.summary  # error by pyright, pyrefly


@flow.step
def wrong_dep(
    t: Transcription = summarize.result,  # error by pyright, pyrefly
):
    return t.transcription


@flow.step
def no_source(t):  # error in statement
    return t


@flow.step
def returns_custom():  # error in statement by pyright, pyrefly
    return Custom()


@flow.step
async def returns_set(t=transcribe.result):  # error in statement by pyright, pyrefly
    return set(t.transcription.split())


@flow.step(max_attemps=3)  # error in statement
def option_name(t=transcribe.result):
    return t


@flow.step
def words(t=transcribe.result):
    return t.transcription.split()


@flow.map
def shout(word=words.each):
    return word.upper()


@flow.map
def wrong_use_of_an_item(word=words.each):
    return word.summary  # error by pyright, pyrefly


@flow.map
def wrong_item(
    n: int = shout.each,  # error by pyright, pyrefly
):
    return n


@flow.map
def each_of_no_list(t=transcribe.each):  # error in statement by pyright, pyrefly
    return t


transcribe()  # error
run = flow.test(VoiceMemo(object_name="", owner_id=""))
wrong: Summary = run.result(transcribe)  # error by pyright, pyrefly
