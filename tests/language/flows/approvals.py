"""Signals: awaited for ever, or for a while, after a step that a test holds back."""

import time
from pathlib import Path

from pydantic import BaseModel

from pgflow_dsl import Flow


class Approval(BaseModel):
    approved: bool
    by: str


flow = Flow("approvals", payload=str)


@flow.step
def prepare(gate: str = flow.payload) -> str:
    while gate and not Path(gate).exists():
        time.sleep(0.02)
    return "prepared"


approval = flow.signal("approval", Approval, after=(prepare,))


@flow.step
def publish(decision: Approval = approval.result, state: str = prepare.result) -> str:
    return f"{state}, {'published' if decision.approved else 'refused'} by {decision.by}"


brief = Flow("brief", payload=str)
answer = brief.signal("answer", int, timeout=1)
closing = brief.signal("closing", str)


@brief.step
def tell(number: int | None = answer.result, word: str = closing.result) -> str:
    return f"{number} {word}"
