"""Time: a delayed step, sleeps, attempts and runs that may take only so long."""

import asyncio
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from pgflow_dsl import Flow, StepContext


class Night(BaseModel):
    dawn: datetime
    naps: float = 0.2


flow = Flow("nights", payload=Night)


@flow.step(start_delay=0.4)
def lie_down(night: Night = flow.payload) -> float:
    return night.naps


nap = flow.sleep("nap", until=lie_down.result)
dream = flow.sleep("dream", seconds=0.3, after=(lie_down,))
dawn = flow.sleep("dawn", until=flow.payload.dawn)


@flow.step(after=(nap, dream, dawn))
def get_up() -> str:
    return "up"


slow = Flow("slow", payload=int, base_delay=0.05, jitter=0)


@slow.step(timeout=0.3, max_attempts=2)
async def hurry(context: StepContext = slow.context) -> int:
    if context.attempt == 1:
        await asyncio.sleep(3600)
    return context.attempt


@slow.step
def tell(attempt: int = hurry.result) -> str:
    return f"attempt {attempt}"


late = Flow("late", payload=str, deadline=1.5)
never = late.signal("never", str)


def note(folder: str) -> None:
    """Leave a sign that the handler was told."""
    Path(folder, "was_told").touch()


@late.step
async def work_on(folder: str = late.payload) -> str:
    try:
        await asyncio.sleep(3600)
    finally:
        note(folder)
    return "too late"


@late.step(after=(never,))
def after_all() -> str:
    return "never"
