"""Flows for the tests that start workers as processes of their own."""

import asyncio
import time

from pgflow_dsl import Flow, StepContext

crash = Flow("crash", payload=int, max_attempts=5, base_delay=0.05)


@crash.step
async def transcribe(n: int = crash.payload) -> int:
    await asyncio.sleep(0.02)
    return n + 1


@crash.step
async def summarize(n: int = transcribe.result) -> int:
    await asyncio.sleep(0.02)
    return n * 2


@crash.step
def capitalize(n: int = transcribe.result) -> int:
    time.sleep(0.005)
    return n * 3


@crash.step
async def merge(a: int = summarize.result, b: int = capitalize.result) -> int:
    return a + b


slow = Flow("slow", payload=float)


@slow.step
async def nap(seconds: float = slow.payload) -> str:
    await asyncio.sleep(seconds)
    return "rested"


stubborn = Flow("stubborn", payload=float)


@stubborn.step
async def ignore_cancellation(seconds: float = stubborn.payload) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await asyncio.sleep(end - time.monotonic())
        except asyncio.CancelledError:
            continue
    return "done"


@stubborn.step
def hold_a_thread(seconds: float = stubborn.payload, ctx: StepContext = stubborn.context) -> str:
    time.sleep(seconds)
    return f"cancelled: {ctx.is_cancelled}"
