"""A worker for the SQL of pgflow for TypeScript: batched calls in as few commits as it allows."""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from benchmarks.contenders.fleet import Seat
from psycopg.types.json import Jsonb

VISIBILITY_SECONDS: Final = 60
POLL_SECONDS: Final = 2
POLL_MILLISECONDS: Final = 100

_CLAIM: Final = """
select run_id, step_slug, task_index, input
from pgflow.start_tasks(
    %(flow)s, array(select msg_id from pgmq.read(%(flow)s, %(visible)s, %(batch)s)), %(worker)s
)
"""
# in two statements: what came while it waited is not in the snapshot of the one that waited
_WAIT: Final = """
select msg_id from pgmq.read_with_poll(%(flow)s, %(visible)s, %(batch)s, %(seconds)s, %(every)s)
"""
_CLAIM_THESE: Final = """
select run_id, step_slug, task_index, input
from pgflow.start_tasks(%(flow)s, %(messages)s, %(worker)s)
"""
_COMPLETE: Final = """
select count(*)
from unnest(%s::uuid[], %s::text[], %s::integer[], %s::jsonb[]) as done (run, step, task, result),
    lateral pgflow.complete_task(done.run, done.step, done.task, done.result)
"""


class Task(NamedTuple):
    """What a worker gets for one handler."""

    run: UUID
    step: str
    number: int
    input: Any


Handler = Callable[[Any], object]


class Worker:
    """One connection that works off one flow.

    Args:
        url: the database.
        flow: the slug.
        handlers: by step.
        batch: how many tasks are claimed and completed at a time.
    """

    def __init__(self, url: str, flow: str, handlers: Mapping[str, Handler], batch: int) -> None:
        self._conn = psycopg.connect(url, autocommit=True)
        self._handlers = handlers
        row = self._conn.execute(
            "insert into pgflow.workers (worker_id, queue_name, function_name)"
            " values (gen_random_uuid(), %s, 'benchmark') returning worker_id",
            (flow,),
        ).fetchone()
        assert row is not None
        self._arguments: dict[str, object] = {
            "flow": flow,
            "worker": row[0],
            "batch": batch,
            "visible": VISIBILITY_SECONDS,
            "seconds": POLL_SECONDS,
            "every": POLL_MILLISECONDS,
        }

    def work(self, seat: Seat) -> None:
        """Claim, handle and complete until the seat says stop."""
        tasks: list[Task] = []
        while not seat.stopped():
            tasks = tasks or self.wait()
            count = len(tasks)
            if count:
                tasks = self.complete_and_claim(tasks, [self.handle(task) for task in tasks])
                seat.handled(count)

    def handle(self, task: Task) -> object:
        """Return what the handler of a task returns."""
        return self._handlers[task.step](task.input)

    def wait(self) -> list[Task]:
        """Return the next tasks; when there are none, wait for them for a while."""
        messages = [row[0] for row in self._conn.execute(_WAIT, self._arguments)]
        if not messages:
            return []
        arguments = {**self._arguments, "messages": messages}
        return [Task(*row) for row in self._conn.execute(_CLAIM_THESE, arguments)]

    def complete_and_claim(self, tasks: Sequence[Task], results: Sequence[object]) -> list[Task]:
        """Complete tasks and claim the next ones, in one round trip and with one commit."""
        # in the same order in every worker: each completion locks its run
        done = sorted(zip(tasks, results, strict=True), key=lambda one: one[0].run)
        with self._conn.pipeline():
            self._conn.execute(
                _COMPLETE,
                (
                    [task.run for task, _ in done],
                    [task.step for task, _ in done],
                    [task.number for task, _ in done],
                    [Jsonb(result) for _, result in done],
                ),
            )
            claimed = self._conn.execute(_CLAIM, self._arguments)
            return [Task(*row) for row in claimed]


def work(seat: Seat, url: str, flow: str, batch: int) -> None:
    """Be a worker process."""
    worker = Worker(url, flow, HANDLERS[flow], batch)
    seat.await_start()
    worker.work(seat)


def _follow(step: str) -> Handler:
    return lambda given: given[step]


def _begin(given: Any) -> object:
    return given["run"]["text"]


def _note(_: Any) -> float:
    return perf_counter()


HANDLERS: Final[Mapping[str, Mapping[str, Handler]]] = {
    "single": {"only": _note},
    "diamond": {
        "transcribe": _begin,
        "summarize": lambda given: given["transcribe"][:10],
        "capitalize": lambda given: given["transcribe"].upper(),
        "merge": lambda given: given["summarize"] + given["capitalize"],
    },
    "chain10": {f"s{number}": _note for number in range(1, 11)},
    "chain5": {"s1": _begin} | {f"s{n}": _follow(f"s{n - 1}") for n in range(2, 6)},
    "squares": {"square": lambda item: item * item, "total": lambda given: sum(given["square"])},
}
