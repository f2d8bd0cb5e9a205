"""The flows that are measured, as DBOS knows them; imported by its workers, for it registers them.

A run of one step has no step inside: its result is what DBOS stores for the run itself.
"""

from time import perf_counter_ns
from typing import Final, TypedDict

from dbos import DBOS, DBOSConfig

QUEUE: Final = "work"
APPLICATION: Final = "benchmark"
PARTS: Final = 8
"""The runs that a map is dealt out to."""


class Memo(TypedDict):
    """What a run of the diamond starts with."""

    object_name: str
    owner_id: str


class Transcription(TypedDict):
    """The result of the first step of the diamond."""

    transcription: str
    language: str


def configuration(url: str, *, executor: str, connections: int, threads: int) -> DBOSConfig:
    """Return what a worker, or who makes the schema, configures."""
    return {
        "name": APPLICATION,
        "system_database_url": url,
        "application_version": "1",
        "executor_id": executor,
        "sys_db_pool_size": connections,
        "max_executor_threads": threads,
        "log_level": "ERROR",
    }


@DBOS.step()
def _transcribe(memo: Memo) -> Transcription:
    return {"transcription": memo["object_name"], "language": "en"}


@DBOS.step()
def _summarize(transcription: Transcription) -> str:
    return transcription["language"]


@DBOS.step()
def _capitalize(text: str) -> str:
    return text


@DBOS.step()
def _merge(summary: str, loud: str) -> list[str]:
    return [summary, loud]


@DBOS.workflow(name="diamond")
def diamond(memo: Memo) -> list[str]:
    """Transcribe, then summarize and capitalize, then merge."""
    transcription = _transcribe(memo)
    summary = _summarize(transcription)
    loud = _capitalize(transcription["transcription"])
    return _merge(summary, loud)


@DBOS.step()
def _now() -> int:
    return perf_counter_ns()


@DBOS.workflow(name="chain")
def chain(number: int) -> list[int]:
    """Ten steps; each returns when it began, in nanoseconds."""
    del number
    return [_now() for _ in range(10)]


@DBOS.workflow(name="single")
def single(number: int) -> int:
    """Return the payload."""
    return number


@DBOS.workflow(name="begun")
def begun(number: int) -> int:
    """Return when the handler began, in nanoseconds."""
    del number
    return perf_counter_ns()


@DBOS.step()
def _hand_on(text: str) -> str:
    return text


@DBOS.workflow(name="relay")
def relay(text: str) -> str:
    """Five steps that hand on a text."""
    for _ in range(5):
        text = _hand_on(text)
    return text


@DBOS.step()
def _square(item: int) -> int:
    return item * item


@DBOS.step()
def _total(items: list[int]) -> int:
    return sum(items)


@DBOS.workflow(name="squares_of_part")
def squares_of_part(items: list[int]) -> list[int]:
    """Square every item in a step of its own."""
    return [_square(item) for item in items]


@DBOS.workflow(name="squares")
def squares(items: list[int]) -> int:
    """Deal the items out to runs in threads of their own, await them, then sum up in a step."""
    parts = [DBOS.start_workflow(squares_of_part, items[part::PARTS]) for part in range(PARTS)]
    return _total([item for part in parts for item in part.get_result(polling_interval_sec=0.05)])
