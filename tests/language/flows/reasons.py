"""A flow whose steps do not run for many reasons; what holds a worker waits for a file."""

import time
from pathlib import Path

from pydantic import BaseModel

from pgflow_dsl import Flow, GiveUp, each


class Case(BaseModel):
    gate: str
    """The file that lets the handlers go."""
    parts: list[str]


inner = Flow("inner", payload=str)
go = inner.signal("go", str)

flow = Flow("reasons", payload=Case, base_delay=300, jitter=0)


@flow.step
def held(gate: str = flow.payload.gate) -> str:
    while not Path(gate).exists():
        time.sleep(0.02)
    return "let go"


@flow.step
def after_held(text: str = held.result) -> str:
    return text


@flow.map
def fetch(part: str = each[flow.payload.parts]) -> str:
    raise ConnectionError(f"no {part}")


@flow.step(start_delay=300)
def delayed() -> str:
    return "late"


asked = flow.signal("asked", str, timeout=300)
paused = flow.sleep("paused", seconds=300)
child = flow.sub_flow("child", inner, payload=flow.payload.gate, result=go)


@flow.step(when=flow.payload.gate == "")
def unmet() -> str:
    return "met"


@flow.step(on_failure="skip_cascade")
def lost() -> str:
    raise GiveUp("no luck")


@flow.step
def after_lost(text: str = lost.result) -> str:
    return text


busy = Flow("busy", payload=str)


@busy.step
def hold(gate: str = busy.payload) -> str:
    while not Path(gate).exists():
        time.sleep(0.02)
    return "let go"
