"""A flow whose first attempt may end the worker that makes it."""

import os
import signal

from pgflow_dsl import Flow, StepContext

points = Flow("points", payload=str, max_attempts=5, base_delay=0.0)


@points.step
def work(point: str = points.payload, ctx: StepContext = points.context) -> int:
    """Die before anything is done, or when all is done and not yet reported."""
    if ctx.attempt == 1 and point == "before the work":
        os.kill(os.getpid(), signal.SIGKILL)
    done = len(point)
    if ctx.attempt == 1 and point == "after the work":
        os.kill(os.getpid(), signal.SIGKILL)
    return done


@points.step
def report(length: int = work.result) -> int:
    return length * 2
