"""The flows that are measured, as Absurd knows them: tasks, with a checkpoint for each step.

A run of one step is a task without checkpoints: its result is what Absurd stores for the task.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter_ns
from typing import Final, TypedDict, cast

from absurd_sdk import Absurd, TaskContext

QUEUE: Final = "work"
ITEMS_QUEUE: Final = "items"
"""A task may only await tasks of another queue."""

PARTS: Final = 8
"""The tasks that a map is dealt out to."""


class Memo(TypedDict):
    """What a run of the diamond starts with."""

    object_name: str
    owner_id: str


class Transcription(TypedDict):
    """The result of the first step of the diamond."""

    transcription: str
    language: str


def diamond(memo: Memo, ctx: TaskContext) -> list[str]:
    """Transcribe, then summarize and capitalize, then merge."""
    transcription = ctx.step("transcribe", lambda: _transcribe(memo))
    summary = ctx.step("summarize", lambda: _summarize(transcription))
    loud = ctx.step("capitalize", lambda: _capitalize(transcription["transcription"]))
    return ctx.step("merge", lambda: _merge(summary, loud))


def _transcribe(memo: Memo) -> Transcription:
    return {"transcription": memo["object_name"], "language": "en"}


def _summarize(transcription: Transcription) -> str:
    return transcription["language"]


def _capitalize(text: str) -> str:
    return text


def _merge(summary: str, loud: str) -> list[str]:
    return [summary, loud]


def chain(number: int, ctx: TaskContext) -> list[int]:
    """Ten steps; each returns when it began, in nanoseconds."""
    del number
    return [ctx.step(f"s{step}", perf_counter_ns) for step in range(1, 11)]


def single(number: int, ctx: TaskContext) -> int:
    """Return the payload."""
    del ctx
    return number


def begun(number: int, ctx: TaskContext) -> int:
    """Return when the handler began, in nanoseconds."""
    began = perf_counter_ns()
    del number, ctx
    return began


def relay(text: str, ctx: TaskContext) -> str:
    """Five steps that hand on a text."""
    for step in range(1, 6):
        text = ctx.step(f"s{step}", _same(text))
    return text


def _same(text: str) -> Callable[[], str]:
    return lambda: text


def squares(app: Absurd, items: list[int], ctx: TaskContext) -> int:
    """Deal the items out to tasks, await them, then sum up in a step."""
    parts = [
        ctx.step(f"spawn {part}", _spawn(app, items[part::PARTS], f"{ctx.task_id} {part}"))
        for part in range(PARTS)
    ]
    found = [number for part in parts for number in _await_part(ctx, part)]
    return ctx.step("total", lambda: sum(found))


def _spawn(app: Absurd, items: list[int], key: str) -> Callable[[], str]:
    def spawn() -> str:
        # what the SDK calls text is a UUID, which no step could store
        return str(
            app.spawn("squares_of_part", items, queue=ITEMS_QUEUE, idempotency_key=key)["task_id"]
        )

    return spawn


def _await_part(ctx: TaskContext, task_id: str) -> list[int]:
    part = ctx.await_task_result(task_id, queue_name=ITEMS_QUEUE)
    if part.state != "completed":
        raise RuntimeError(f"a part {part.state}: {part.failure}")
    return cast("list[int]", part.result)


def squares_of_part(items: list[int], ctx: TaskContext) -> list[int]:
    """Square every item in a step of its own."""
    return [ctx.step("square", _square(item)) for item in items]


def _square(item: int) -> Callable[[], int]:
    return lambda: item * item


def register(app: Absurd, queue: str) -> None:
    """Make the flows of a queue known to a worker that serves it."""
    if queue == ITEMS_QUEUE:
        app.register_task("squares_of_part")(squares_of_part)
        return
    for task in (diamond, chain, single, begun, relay):
        app.register_task(task.__name__)(task)
    app.register_task("squares")(partial(squares, app))
