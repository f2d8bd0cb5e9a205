"""Types and a flow that the other files of this folder use."""

from __future__ import annotations

import dataclasses

from pgflow_dsl import Flow
from pydantic import BaseModel
from typing_extensions import TypedDict


class VoiceMemo(BaseModel):
    object_name: str
    owner_id: str


class Transcription(BaseModel):
    transcription: str
    seconds: float


class Summary(BaseModel):
    summary: str


class Custom:
    """Nothing that JSON can hold."""


class Counts(TypedDict):
    words: int
    by_letter: dict[str, int]


@dataclasses.dataclass
class Span:
    start: int
    end: int


flow = Flow("voice_memo", payload=VoiceMemo)
dicts = Flow("dicts", payload=Counts)
spans = Flow("spans", payload=Span)
texts = Flow("texts", payload=list[str])
