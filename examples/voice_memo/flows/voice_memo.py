"""From a spoken memo to text: transcribe -> (summarize, capitalize) -> merge.

`pgflow demo` runs it on `memos/bakery.wav`. Each helper module beside it does one thing:
`_audio.py` reads the WAV file, `_speech.py` hears the words, `_summary.py` shortens them offline
and `_hosted.py` with a language model, if the environment holds a key for one.
"""

import os
from pathlib import Path

from _audio import AudioError, read_recording
from _hosted import ModelError, ask, hosted_model
from _speech import phrases, recognise
from _summary import summarise
from pydantic import BaseModel

from pgflow_dsl import Flow, GiveUp, Retry, StepContext


class VoiceMemo(BaseModel):
    """A recording in a bucket; the payload of a run."""

    object_id: str
    object_name: str
    """Name of the file in its bucket."""
    bucket_id: str
    """A folder: absolute, or below $BUCKETS, or else below the folder of this example."""
    owner_id: str


class Transcription(BaseModel):
    """What was said."""

    transcription: str
    phrases: list[str]
    """The same words, cut where the speaker paused."""
    seconds: float


class Summary(BaseModel):
    """What it was about."""

    summary: str
    model: str | None
    """The language model that wrote it; None when it was made offline."""


class Merged(BaseModel):
    """What the owner gets: the run output."""

    owner_id: str
    object_name: str
    summary: str
    transcription: str


flow = Flow("voice_memo", payload=VoiceMemo, description="A spoken memo, written and summarised.")


@flow.step(timeout=300)
def transcribe(memo: VoiceMemo = flow.payload) -> Transcription:
    """Hear the words of the recording, offline."""
    try:
        recording = read_recording(_path_of(memo))
    except AudioError as error:
        raise GiveUp(str(error)) from error
    words = recognise(recording)
    return Transcription(
        transcription=" ".join(word.text for word in words),
        phrases=phrases(words, recording),
        seconds=recording.seconds,
    )


@flow.step(max_attempts=5, timeout=60)
def summarize(
    memo: Transcription = transcribe.result, context: StepContext = flow.context
) -> Summary:
    """Say it shorter: with a hosted model if there is a key for one, else offline."""
    model = hosted_model()
    if model is None or not memo.transcription:
        return Summary(summary=summarise(memo.phrases), model=None)
    try:
        return Summary(summary=ask(model, memo.transcription), model=model.name)
    except ModelError as error:
        if not error.passing:
            raise GiveUp(str(error)) from error
        if context.attempt < context.max_attempts:
            raise Retry(str(error)) from error
        context.log.warning("summarised offline, since %s", error)
        return Summary(summary=summarise(memo.phrases), model=None)


@flow.step
def capitalize(text: str = transcribe.result.transcription) -> str:
    """Say it louder."""
    return text.upper()


@flow.step
def merge(
    short: Summary = summarize.result,
    loud: str = capitalize.result,
    memo: VoiceMemo = flow.payload,
) -> Merged:
    """Put both together for the owner."""
    return Merged(
        owner_id=memo.owner_id,
        object_name=memo.object_name,
        summary=short.summary,
        transcription=loud,
    )


def _path_of(memo: VoiceMemo) -> Path:
    buckets = os.environ.get("BUCKETS") or Path(__file__).resolve().parent.parent
    bucket = Path(buckets, memo.bucket_id).resolve()
    path = (bucket / memo.object_name).resolve()
    if not path.is_relative_to(bucket):
        raise GiveUp(f"object_name {memo.object_name!r} leaves the bucket {memo.bucket_id!r}")
    return path
