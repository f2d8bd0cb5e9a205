"""transcribe -> (summarize, capitalize) -> merge, with handlers that do nothing but are typed."""

from pydantic import BaseModel

from pgflow_dsl import Flow


class Memo(BaseModel):
    """What a run starts with."""

    object_name: str
    owner_id: str


class Transcription(BaseModel):
    """A result of an object, as most are."""

    transcription: str
    language: str


diamond = Flow("diamond", payload=Memo, client_startable=True)


@diamond.step
async def transcribe(memo: Memo = diamond.payload) -> Transcription:
    """Take the payload whole."""
    return Transcription(transcription=memo.object_name, language="en")


@diamond.step
async def summarize(t: Transcription = transcribe.result) -> str:
    """Take a result whole."""
    return t.language


@diamond.step
async def capitalize(text: str = transcribe.result.transcription) -> str:
    """Take one field of a result."""
    return text


@diamond.step
async def merge(summary: str = summarize.result, loud: str = capitalize.result) -> list[str]:
    """Take two results."""
    return [summary, loud]
