"""Conditions: steps that are skipped, alone or with what waits for them, or fail the run."""

from pydantic import BaseModel

from pgflow_dsl import Flow, contains, is_null, length, one_of, or_else


class Call(BaseModel):
    kind: str
    words: list[str]
    note: str | None = None


flow = Flow("calls", payload=Call)


@flow.step(when=length(flow.payload.words) > 0, when_unmet="fail")
def score(words: list[str] = flow.payload.words) -> float:
    return len(words) / 4


@flow.step(when=(score.result >= 0.5) & (flow.payload.kind == "audio"))
def praise() -> str:
    return "well said"


@flow.step(when=contains(flow.payload.words, "buy"), when_unmet="skip_cascade")
def order(words: list[str] = flow.payload.words) -> str:
    return " ".join(words)


@flow.step
def confirm(text: str = order.result) -> str:
    return f"{text}: done"


@flow.step
def answer(praised: str | None = praise.result) -> str:
    return praised or "thank you"


@flow.step(when=is_null(praise.result) & one_of(or_else(flow.payload.note, ""), ["", "sad"]))
def comfort() -> str:
    return "next time"
